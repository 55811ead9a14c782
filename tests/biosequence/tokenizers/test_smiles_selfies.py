"""SELFIES: symbols are tokens; the package is asked for by its extra."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from biosequence.errors import InputError, MissingExtraError
from biosequence.tokenizers import SelfiesTokenizer
from biosequence.tokenizers.smiles_selfies import to_selfies, to_smiles

needs_package = pytest.mark.skipif(find_spec("selfies") is None, reason="selfies not installed")


def test_symbols_are_tokens() -> None:
    tokenizer = SelfiesTokenizer(["[C]", "[=O]", "."])
    assert tokenizer.encode("[C][=O].[C]").tolist() == [1, 5, 6, 7, 5, 2]


def test_a_symbol_outside_the_vocabulary_is_named_with_its_place() -> None:
    with pytest.raises(InputError, match=r"'\[N\]' at position 4 "):
        SelfiesTokenizer(["[C]"]).encode("[C][N]")
    with pytest.raises(InputError, match="'C' at position 1 "):
        SelfiesTokenizer(["[C]"]).encode("CC")


@pytest.mark.skipif(find_spec("selfies") is not None, reason="selfies is installed")
def test_without_the_package_the_extra_is_named() -> None:
    for call in (SelfiesTokenizer, lambda: to_selfies("C"), lambda: to_smiles("[C]")):
        with pytest.raises(MissingExtraError, match=r"bioseq-toolkit\[chem\]"):
            call()


@needs_package
def test_molecules_go_there_and_back() -> None:
    from biosequence.tokenizers.smiles_chemistry import canonical_smiles

    molecules = ["CC(=O)Oc1ccccc1C(=O)O", "C[N+](C)(C)C", "F/C=C/F"]
    tokenizer = SelfiesTokenizer.from_smiles(molecules)
    for smiles in molecules:
        text = to_selfies(smiles)
        assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True) == text
        assert canonical_smiles(to_smiles(text)) == canonical_smiles(smiles)


@needs_package
def test_what_is_no_molecule_is_refused() -> None:
    with pytest.raises(InputError, match="written as SELFIES"):
        to_selfies("C*?")
    with pytest.raises(InputError, match="cannot be read"):
        to_smiles("[C][Zz")
