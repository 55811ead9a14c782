"""What all tokenizers share: batches, truncation, decoding, special tokens."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import (
    BioTokenizer,
    DNATokenizer,
    KmerTokenizer,
    LegacySmilesTokenizer,
    ProteinTokenizer,
    SelfiesTokenizer,
    SmilesTokenizer,
    pad_rows,
)

CASES: list[tuple[BioTokenizer, list[str]]] = [
    (DNATokenizer(), ["ACGTN", "AC", "T"]),
    (KmerTokenizer(3), ["ACGTNAC", "ACG", "T"]),
    (ProteinTokenizer(), ["MKTAYIAK", "GA", "X"]),
    (SmilesTokenizer(), [r"C/C=C\Cl", "[Na+].[Cl-]", "C"]),
    (LegacySmilesTokenizer({"[PAD]": 0, "[BEG]": 1, "C": 2, "O": 3, "[END]": 4}), ["CCO", "C"]),
    (SelfiesTokenizer(["[C]", "[O]"]), ["[C][C][O]", "[C]"]),
]
each = pytest.mark.parametrize(("tokenizer", "texts"), CASES, ids=lambda x: getattr(x, "name", ""))


@each
@pytest.mark.parametrize("side", ["left", "right"])
def test_rows_of_a_batch_are_the_single_texts(
    tokenizer: BioTokenizer, texts: list[str], side: str
) -> None:
    found = tokenizer.batch(texts, padding_side=side, multiple_of=8)
    assert found["input_ids"].shape == found["attention_mask"].shape
    assert found["input_ids"].shape[1] % 8 == 0
    for text, ids, mask in zip(texts, found["input_ids"], found["attention_mask"], strict=True):
        assert ids[mask == 1].tolist() == tokenizer.encode(text).tolist()
        assert set(ids[mask == 0].tolist()) <= {tokenizer.pad_id}
        assert (mask[0] if side == "right" else mask[-1]) == 1


@each
def test_decoding_gives_the_texts_back(tokenizer: BioTokenizer, texts: list[str]) -> None:
    assert tokenizer.decode_batch(tokenizer.batch(texts)["input_ids"]) == texts


@each
def test_it_goes_to_other_processes(tokenizer: BioTokenizer, texts: list[str]) -> None:
    back = pickle.loads(pickle.dumps(tokenizer))
    assert back.encode(texts[0]).tolist() == tokenizer.encode(texts[0]).tolist()
    assert back.options() == tokenizer.options()


@each
def test_torch_and_numpy_agree(tokenizer: BioTokenizer, texts: list[str]) -> None:
    arrays, tensors = tokenizer.batch(texts), tokenizer.batch(texts, tensors="torch")
    assert tensors["input_ids"].dtype == torch.int64
    for key, array in arrays.items():
        assert np.array_equal(tensors[key].numpy(), array)
    assert tokenizer.decode_batch(tensors["input_ids"]) == texts


@each
def test_special_tokens_can_be_left_out(tokenizer: BioTokenizer, texts: list[str]) -> None:
    bare, whole = tokenizer.encode(texts[0], special_tokens=False), tokenizer.encode(texts[0])
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    assert len(whole) == len(bare) + around
    assert not np.isin(bare, tokenizer.vocabulary.special_ids).any()


@each
def test_truncation_cuts_text_and_never_special_tokens(
    tokenizer: BioTokenizer, texts: list[str]
) -> None:
    whole, bare = tokenizer.encode(texts[0]), tokenizer.encode(texts[0], special_tokens=False)
    start, most = len(tokenizer.prefix), len(whole) - 1
    for side, kept in (("right", bare[:-1]), ("left", bare[1:])):
        found = tokenizer.encode(texts[0], max_length=most, truncation=side)
        assert found[start : start + len(kept)].tolist() == kept.tolist()
        assert len(found) == most
        assert found[:start].tolist() == whole[:start].tolist()
        assert found[start + len(kept) :].tolist() == whole[start + len(bare) :].tolist()


def test_too_long_is_an_error_unless_truncation_is_asked_for() -> None:
    with pytest.raises(InputError, match="5 tokens and only 3") as caught:
        DNATokenizer().encode("ACGTA", max_length=4, name="chr1")
    assert "'chr1'" in caught.value.where
    assert "truncation" in caught.value.fix
    assert len(DNATokenizer().encode("ACGTA", max_length=6)) == 6


def test_an_error_in_a_batch_names_the_sequence() -> None:
    with pytest.raises(InputError, match="number 2 of the batch"):
        DNATokenizer().batch(["ACGT", "AC!T"])


def test_one_text_is_no_batch() -> None:
    with pytest.raises(UsageError, match="several texts"):
        DNATokenizer().batch("ACGT")


def test_ids_from_another_tokenizer_are_refused() -> None:
    for wrong in ([12], [-1], np.array([3, 300])):
        with pytest.raises(InputError, match="outside the vocabulary"):
            DNATokenizer().decode(wrong)
    with pytest.raises(InputError, match="one dimension"):
        DNATokenizer().decode([[7, 8]])


def test_empty_text_has_only_special_tokens() -> None:
    assert DNATokenizer().encode("").tolist() == [1]
    assert DNATokenizer().decode([]) == ""


def test_padding_refuses_what_it_cannot_do() -> None:
    with pytest.raises(InputError, match="empty"):
        pad_rows([], 0)
    with pytest.raises(InputError, match="2 tokens and only 1"):
        pad_rows([np.array([1, 2])], 0, length=1)
    with pytest.raises(UsageError, match="'jax'"):
        pad_rows([np.array([1])], 0, tensors="jax")
    assert pad_rows([np.array([1])], 9, length=3)["input_ids"].tolist() == [[1, 9, 9]]


def test_encoding_needs_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from biosequence.tokenizers import get_tokenizer as get;"
        "[get(name).batch(['CCN', 'C']) for name in ('dna', 'dna-kmer', 'protein', 'smiles')];"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'rdkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
