"""Saved tokenizers open in transformers and here, and give the same ids and texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from biosequence.errors import InputError, ModelError
from biosequence.tokenizers import (
    BioTokenizer,
    DNATokenizer,
    KmerTokenizer,
    LegacySmilesTokenizer,
    ProteinTokenizer,
    SelfiesTokenizer,
    SmilesTokenizer,
    load_tokenizer,
)

LEGACY = ["[PAD]", "[BEG]", "C", "c", "1", "(", ")", "=", "[", "]", "Cl", "Si", "/", "[END]"]
TOKENIZERS: dict[str, BioTokenizer] = {
    "dna": DNATokenizer(other="unknown"),
    "dna soft N": DNATokenizer(soft_masked="N", ambiguous="unknown", other="unknown"),
    "dna published": DNATokenizer(
        soft_masked="unknown", ambiguous="unknown", uracil="unknown", other="unknown"
    ),
    "kmer": KmerTokenizer(3, other="unknown"),
    "protein": ProteinTokenizer(other="unknown"),
    "protein aligned": ProteinTokenizer(other="unknown", insertions="drop", gaps="keep"),
    "smiles": SmilesTokenizer(other="unknown"),
    "legacy": LegacySmilesTokenizer({token: number for number, token in enumerate(LEGACY)}),
    "selfies": SelfiesTokenizer(["[C]", "[=O]", "."]),
}
PIECES = {
    "dna": ["A", "C", "G", "T", "N", "a", "R", "u", "-", "é", " ", "\n", "[MASK]", "[", "[SEP]"],
    "kmer": ["A", "C", "G", "T", "AC", "GT", "N", "a", "R", "-", "[MASK]", "]"],
    "protein": ["M", "K", "x", "-", ".", "*", "J", "\t", "<mask-1>", "<mask>", "<eos>", "<", "中"],
    "smiles": ["C", "c", "Cl", "Sc", "[", "]", "[Sc+3]", "[nH]", "@", "@@", "@TH1", "%12", "\\",
               "/", "Co", "[Co@OH12H2-:3]", "<mask>", "<", "1", "é", " ", "->", "Q"],
    "legacy": ["C", "c", "Cl", "\\", "\\\\", "[Si]", "[W]", "[Hg]", "1", "%10", "/", "=", "Z", " "],
    "selfies": ["[C]", "[=O]", "."],
}  # fmt: skip
each = pytest.mark.parametrize("key", TOKENIZERS)


def texts(key: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(PIECES[key.split()[0]]), max_size=40).map("".join)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Any, Path]]:
    """What AutoTokenizer makes of each saved tokenizer, and where it was saved."""
    from transformers import AutoTokenizer

    made: dict[str, tuple[Any, Path]] = {}

    def get(key: str) -> tuple[Any, Path]:
        if key not in made:
            folder = tmp_path_factory.mktemp("saved") / key.replace(" ", "_")
            TOKENIZERS[key].save(folder)
            made[key] = AutoTokenizer.from_pretrained(folder), folder
        return made[key]

    return get


@each
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_ids_and_texts_are_the_same(key: str, opened: Callable, data: st.DataObject) -> None:
    theirs, ours, text = opened(key)[0], TOKENIZERS[key], data.draw(texts(key))
    ids = ours.encode(text).tolist()
    assert theirs(text)["input_ids"] == ids
    assert theirs(text, add_special_tokens=False)["input_ids"] == (
        ours.encode(text, special_tokens=False).tolist()
    )
    for skip in (True, False):
        assert theirs.decode(ids, skip_special_tokens=skip) == (
            ours.decode(ids, skip_special_tokens=skip)
        )


@each
def test_batches_are_the_same(key: str, opened: Callable) -> None:
    several = ["".join(PIECES[key.split()[0]][:size]) for size in (3, 1, 2)]
    theirs = opened(key)[0](several, padding=True, return_tensors="np")
    ours = TOKENIZERS[key].batch(several)
    assert np.array_equal(theirs["input_ids"], ours["input_ids"])
    assert np.array_equal(theirs["attention_mask"], ours["attention_mask"])
    assert set(theirs) == set(ours)


@each
def test_roles_and_ids_of_special_tokens_are_the_same(key: str, opened: Callable) -> None:
    theirs, vocabulary = opened(key)[0], TOKENIZERS[key].vocabulary
    assert len(theirs) == len(vocabulary)
    for role, token in vocabulary.roles.items():
        assert getattr(theirs, f"{role}_token_id") == vocabulary.id(token)
    assert theirs.padding_side == TOKENIZERS[key].padding_side


@each
def test_it_comes_back_as_our_class_with_its_policy(key: str, opened: Callable) -> None:
    saved, back = TOKENIZERS[key], load_tokenizer(opened(key)[1])
    assert type(back) is type(saved)
    assert back.options() == saved.options()
    assert back.vocabulary == saved.vocabulary
    text = "".join(PIECES[key.split()[0]][:6])
    assert back.encode(text).tolist() == saved.encode(text).tolist()


def test_to_hf_is_what_was_saved(opened: Callable) -> None:
    assert TOKENIZERS["dna"].to_hf()("ACGN")["input_ids"] == opened("dna")[0]("ACGN")["input_ids"]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        ProteinTokenizer().save(tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "bioseq_tokenizer.json",
    }


def test_a_class_opens_only_its_own(tmp_path: Path) -> None:
    DNATokenizer().save(tmp_path)
    assert isinstance(BioTokenizer.load(tmp_path), DNATokenizer)
    with pytest.raises(ModelError, match="a DNATokenizer, not a ProteinTokenizer"):
        ProteinTokenizer.load(tmp_path)


def spoil(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "bioseq_tokenizer.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(json.dumps(found), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found["vocabulary"]["tokens"].reverse(), "checksum"),
        (lambda found: found.update(format=99), "format 99"),
        (lambda found: found.update(name="dnaa"), "no tokenizer 'dnaa'"),
        (lambda found: found.update(name="protein", options={}), "another vocabulary"),
        (lambda found: found["options"].update(colour="red"), "cannot be read"),
        (lambda found: found.pop("vocabulary"), "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: Callable, message: str) -> None:
    DNATokenizer().save(tmp_path)
    spoil(tmp_path, change)
    with pytest.raises(ModelError, match=message):
        load_tokenizer(tmp_path)


def test_a_missing_or_cut_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is missing"):
        load_tokenizer(tmp_path)
    DNATokenizer().save(tmp_path)
    path = tmp_path / "bioseq_tokenizer.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be read"):
        load_tokenizer(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError):
        DNATokenizer().save(tmp_path / "file" / "model")
