"""SMILES without loss, and a lossy one that loses exactly what was published."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.errors import InputError
from biosequence.tokenizers import LegacySmilesTokenizer, SmilesTokenizer, join_molecules
from biosequence.tokenizers.smiles import ELEMENTS, SMILES_VOCABULARY

SMILES = SmilesTokenizer()
STRESS = [
    r"C/C=C\C",
    r"F/C=C/F.F/C=C\F",
    "[Hg+2].[W].[Zr+4].[Mo].[Sn+4].[Co@OH12](N)(Cl)(Br)(F)(I)O",
    "[13C@@H]([2H])(O)[14CH3]",
    "C%10CCCCC%10.C%(100)CCCC%(100)",
    "[O-][N+](=O)c1ccc([nH]c2c[se]cc2)cc1",
    "[Na+].[Cl-].[NH4+].[Fe-3](C#N)(C#N)",
    "[CH3:1][OH:2]>>[CH2:1]=[O:2]",
    "N->[Pt+2]<-N",
    "C$C~C:C*[*:1]",
    "[Cu@SP1+2][Fe@TB12][Ir@AL1][C@TH2]",
    "[te]1cccc1.[si]1ccccc1.[asH]1cccc1",
    "Sc1ccccc1.[Sc+3].Cn1cccc1.[Cn].Co.[Co]",
    "[U]=[U++]~[Np---]",
]

atoms = st.builds(
    "[{}{}{}{}{}{}]".format,
    st.sampled_from(["", "2", "13", "238"]),
    st.sampled_from([*ELEMENTS, "c", "n", "o", "se", "as", "te", "si", "*"]),
    st.sampled_from(["", "@", "@@", "@TH1", "@SP3", "@OH30"]),
    st.sampled_from(["", "H", "H2", "H4"]),
    st.sampled_from(["", "+", "-", "++", "+2", "-3"]),
    st.sampled_from(["", ":1", ":23"]),
)
others = st.sampled_from(
    ["C", "c", "Cl", "Br", "N", "n", "S", "s", "(", ")", "=", "#", "$", "/", "\\", ":", "~", "-",
     ".", "1", "2", "%10", "%(123)", "*", "b", "p", "I", "F", ">", "->"]
)  # fmt: skip


@given(st.lists(st.one_of(atoms, others)).map("".join))
def test_decoding_is_the_inverse(text: str) -> None:
    assert SMILES.decode(SMILES.encode(text), skip_special_tokens=True) == text


@pytest.mark.parametrize("text", STRESS)
def test_stress_lines_lose_nothing(text: str) -> None:
    assert SMILES.decode(SMILES.encode(text, special_tokens=False)) == text
    assert "<unk>" not in SMILES.tokens(text)


@pytest.mark.parametrize("element", ELEMENTS)
def test_every_element_is_one_token_in_brackets(element: str) -> None:
    assert SMILES.tokens(f"[{element}+2]") == ["[", element, "+", "2", "]"]


def test_there_are_all_118_elements() -> None:
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    assert list(ELEMENTS) == [table.GetElementSymbol(number) for number in range(1, 119)]


def test_two_letters_are_one_symbol_only_in_brackets() -> None:
    assert SMILES.tokens("Sc[Sc]") == ["S", "c", "[", "Sc", "]"]
    assert SMILES.tokens("[SH]Cn[nH]") == ["[", "S", "H", "]", "C", "n", "[", "n", "H", "]"]
    assert SMILES.tokens("[Co]" + "Co" * 3) == ["[", "Co", "]", *"CoCoCo"]


def test_the_vocabulary_is_fixed() -> None:
    assert len(SMILES_VOCABULARY) == 168
    assert SMILES_VOCABULARY.sha256.startswith("7833f0eae41c")


@pytest.mark.parametrize(("text", "letter", "position"), [("CC CO", " ", 3), ("CCQ", "Q", 3)])
def test_what_is_no_smiles_is_named_with_its_place(text: str, letter: str, position: int) -> None:
    with pytest.raises(InputError, match=f"{letter!r} at position {position} "):
        SMILES.encode(text)


def test_unknown_characters_may_be_let_through() -> None:
    assert SmilesTokenizer(other="unknown").tokens("CQC") == ["C", "<unk>", "C"]


def test_a_long_line_takes_time_in_proportion() -> None:
    # Every `Cn` starts the look for a closing bracket: it must not run to the end of the line.
    assert len(SMILES.encode("Cn" * 100_000)) == 200_002


def test_sets_are_joined_and_shuffled_with_a_seed() -> None:
    molecules = ["CCO", "C", "N", "O", "S"]
    assert join_molecules(molecules) == "CCO.C.N.O.S"
    first = join_molecules(molecules, generator=np.random.default_rng(1))
    assert first == join_molecules(molecules, generator=np.random.default_rng(1))
    assert sorted(first.split(".")) == sorted(molecules)
    assert first != "CCO.C.N.O.S"
    with pytest.raises(InputError, match="Molecule 2"):
        join_molecules(["C", " "])


def test_no_line_of_real_files_is_lossy(shared: Path) -> None:
    with gzip.open(shared / "data/seq/smiles_canonical.csv.gz", "rt") as handle:
        lines = [row["smiles"] for row in csv.DictReader(handle)][::40]
    with gzip.open(shared / "data/seq/smiles_incontext_sets.txt.gz", "rt") as handle:
        sets = handle.read().splitlines()
    assert len(lines) > 7000
    assert len(sets) == 50
    lossy = [x for x in lines + sets if SMILES.decode(SMILES.encode(x)[1:-1]) != x]
    assert lossy == []


CHEMBL = ["[PAD]", "[BEG]", *"Cc1=O(N)n2[H]3F-So#@+4sBrl/I5P", "Cl", "Br", "[END]"]
LEGACY = LegacySmilesTokenizer({token: i for i, token in enumerate(dict.fromkeys(CHEMBL))})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"C/C=C\C", "C/C=CC"),
        ("[W]", "[]"),
        ("[Zr]", "[]"),
        ("[Hg]", "[H]"),
        ("[Mo]", "[o]"),
        ("C C?", "CC[PAD]"),
        ("ClCBr", "ClCBr"),
    ],
)
def test_the_legacy_tokenizer_loses_what_was_published(text: str, wanted: str) -> None:
    ids = [token for token in CHEMBL if token not in "rl"]
    legacy = LegacySmilesTokenizer({token: i for i, token in enumerate(dict.fromkeys(ids))})
    assert legacy.decode(legacy.encode(text, special_tokens=False)) == wanted


def test_the_legacy_tokenizer_splits_two_letter_metals() -> None:
    assert LEGACY.tokens("[Sn]") == ["[", "S", "n", "]"]
    assert LEGACY.tokens("[Co]") == ["[", "C", "o", "]"]


def test_the_legacy_tokenizer_keeps_symbols_of_its_vocabulary() -> None:
    ids = {"[PAD]": 0, "[": 1, "]": 2, "Si": 3, "S": 4}
    assert LegacySmilesTokenizer(ids).tokens("[Si]S") == ["[", "Si", "]", "S"]


@pytest.mark.parametrize("ids", [{"C": 0}, {"[PAD]": 0, "C": 2}, {"[PAD]": 0, "C": 0}])
def test_the_legacy_vocabulary_is_checked(ids: dict[str, int]) -> None:
    with pytest.raises(InputError, match="without holes"):
        LegacySmilesTokenizer(ids)


def test_the_legacy_vocabulary_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "init_arguments.json"
    path.write_text('{"token2label": {"[PAD]": 0, "C": 1}, "model_dim": 512}')
    assert LegacySmilesTokenizer.from_json(path).tokens("CC") == ["C", "C"]
    for wrong in ("[1, 2]", "{", '{"token2label": {"C": "x"}}'):
        path.write_text(wrong)
        with pytest.raises(InputError, match="cannot be read"):
            LegacySmilesTokenizer.from_json(path)
