"""The other strand: on text, on arrays and on tensors it is the same, and twice is the first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biosequence.complement import PAIRS, reverse_complement
from biosequence.tokenizers import DNATokenizer, complement_ids, reverse_complement_ids

DNA = DNATokenizer()
LETTERS = st.text(alphabet="ACGTN", min_size=1, max_size=30)


@given(st.text(alphabet="ACGTRYSWKMBDHVNacgtn-"))
def test_twice_is_the_text_itself(text: str) -> None:
    assert reverse_complement(reverse_complement(text)) == text


def test_rna_stays_rna() -> None:
    assert reverse_complement("AUGC") == "GCAU"
    assert reverse_complement("ATGC") == "GCAT"


def test_iupac_codes_pair_as_their_bases_do() -> None:
    bases = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "B": "CGT",
             "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"}  # fmt: skip
    for code, meant in bases.items():
        assert sorted(PAIRS[base] for base in meant) == sorted(bases[PAIRS[code]])


@given(LETTERS)
def test_ids_agree_with_text(text: str) -> None:
    ids = DNA.encode(text, special_tokens=False)
    assert DNA.decode(reverse_complement_ids(ids, DNA.vocabulary)) == reverse_complement(text)
    wanted = reverse_complement_ids(torch.from_numpy(ids), DNA.vocabulary)
    assert DNA.decode(wanted.tolist()) == reverse_complement(text)


@given(st.lists(LETTERS, min_size=1, max_size=4), st.sampled_from(["left", "right"]))
def test_padding_keeps_its_place(texts: list[str], side: str) -> None:
    batch = DNA.batch(texts, padding_side=side, special_tokens=False)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    found = reverse_complement_ids(ids, DNA.vocabulary, mask=mask)
    wanted = DNA.batch([*map(reverse_complement, texts)], padding_side=side, special_tokens=False)
    assert np.array_equal(found, wanted["input_ids"])
    tensors = torch.from_numpy(ids), torch.from_numpy(mask)
    assert reverse_complement_ids(tensors[0], DNA.vocabulary, mask=tensors[1]).tolist() == (
        found.tolist()
    )


@given(st.lists(LETTERS, min_size=1, max_size=4), st.booleans())
def test_the_tokenizer_leaves_sep_and_padding_where_they_are(texts: list[str], tensors: bool):
    batch = DNA.batch(texts, tensors="torch" if tensors else "numpy")
    found = DNA.reverse_complement(batch["input_ids"])
    wanted = DNA.batch([*map(reverse_complement, texts)])["input_ids"]
    assert found.tolist() == wanted.tolist()


def test_places_in_the_middle_can_be_left_out() -> None:
    ids = DNA.encode("ACGTA", special_tokens=False)
    mask = np.array([1, 1, 0, 1, 1])
    assert DNA.decode(reverse_complement_ids(ids, DNA.vocabulary, mask=mask)) == "TAGGT"


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_the_type_is_kept(dtype: type) -> None:
    ids = DNA.encode("ACGT", dtype=dtype)
    assert reverse_complement_ids(ids, DNA.vocabulary).dtype == dtype
    assert (
        complement_ids(torch.from_numpy(ids), DNA.vocabulary).dtype == torch.from_numpy(ids).dtype
    )
