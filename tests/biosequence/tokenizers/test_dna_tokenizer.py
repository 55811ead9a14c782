"""DNA: the published ids, and a policy for every letter that is not a plain base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import DNATokenizer, load_tokenizer, reverse_complement_ids

PUBLISHED = "[CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK] A C G T N".split()


def test_the_ids_are_those_of_caduceus() -> None:
    assert list(DNATokenizer().vocabulary.tokens) == PUBLISHED


def test_a_sequence_ends_with_sep_and_batches_are_padded_on_the_left() -> None:
    found = DNATokenizer().batch(["ACGTN", "A"])
    assert found["input_ids"].tolist() == [[7, 8, 9, 10, 11, 1], [4, 4, 4, 4, 7, 1]]
    assert found["attention_mask"].tolist() == [[1] * 6, [0] * 4 + [1] * 2]


def test_an_open_sequence_is_the_mirror_image_of_its_other_strand(tmp_path: Path) -> None:
    dna = DNATokenizer(closed=False)
    other = reverse_complement_ids(dna.encode("AACGT"), dna.vocabulary)
    assert other.tolist() == dna.encode("ACGTT").tolist()
    dna.save(tmp_path)
    assert load_tokenizer(tmp_path).encode("AC").tolist() == [7, 8]
    assert AutoTokenizer.from_pretrained(tmp_path)("AC")["input_ids"] == [7, 8]


@given(st.text(alphabet="ACGTN"))
def test_decoding_gives_the_text_back(text: str) -> None:
    dna = DNATokenizer()
    assert dna.decode(dna.encode(text), skip_special_tokens=True) == text
    assert dna.decode(dna.encode(text, special_tokens=False, dtype=np.uint8)) == text


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "ACGTNACGTNNNTTN"),
        ({"soft_masked": "N"}, "ACGTNNNNNNNNNTN"),
        ({"soft_masked": "unknown"}, "ACGTN" + "?" * 5 + "N?" + "?" + "TN"),
        ({"ambiguous": "unknown"}, "ACGTNACGTN" + "??" + "TT" + "N"),
        ({"uracil": "unknown"}, "ACGTNACGTNNN??N"),
    ],
)
def test_each_policy_does_what_it_says(options: dict, wanted: str) -> None:
    tokens = DNATokenizer(**options).tokens("ACGTNacgtnRyuUN")
    assert "".join("?" if token == "[UNK]" else token for token in tokens) == wanted


@pytest.mark.parametrize(
    ("options", "text", "letter", "position", "fix"),
    [
        ({}, "ACG-T", "-", 4, "Correct the sequence"),
        ({}, "ACGé", "é", 4, "Correct the sequence"),
        ({"ambiguous": "error"}, "RACG", "R", 1, "ambiguous"),
        ({"uracil": "error"}, "ACGU", "U", 4, "uracil"),
        ({"soft_masked": "error"}, "ACgT", "g", 3, "soft_masked"),
        ({"soft_masked": "error"}, "A[MASK]Ct", "t", 9, "soft_masked"),
    ],
)
def test_a_refused_letter_is_named_with_its_place(
    options: dict, text: str, letter: str, position: int, fix: str
) -> None:
    with pytest.raises(InputError, match=f"{letter!r} at position {position} ") as caught:
        DNATokenizer(**options).encode(text, name="chr7")
    assert "'chr7'" in caught.value.where
    assert fix in caught.value.fix


@given(st.text())
def test_other_unknown_takes_any_text(text: str) -> None:
    dna = DNATokenizer(other="unknown")
    wanted = sum(1 for _ in text)
    if not any(token in text for token in PUBLISHED[:7]):
        assert len(dna.encode(text, special_tokens=False)) == wanted


def test_special_tokens_in_the_text_are_read_as_such() -> None:
    assert DNATokenizer().tokens("A[MASK][MASK]T[SEP]") == ["A", "[MASK]", "[MASK]", "T", "[SEP]"]


@pytest.mark.parametrize("option", ["soft_masked", "ambiguous", "uracil", "padding_side"])
def test_a_policy_that_does_not_exist_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=option):
        DNATokenizer(**{option: "maybe"})
