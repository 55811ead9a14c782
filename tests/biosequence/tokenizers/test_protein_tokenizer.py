"""Proteins: the published ids, and rows of alignments read as the sequences they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import ProteinTokenizer

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "prot_fim.a.json").read_text())


def test_the_38_ids_are_those_of_prot_xlstm() -> None:
    vocabulary = ProteinTokenizer().vocabulary
    assert {token: vocabulary.id(token) for token in vocabulary.tokens} == GOLDEN["vocabulary"]


@pytest.mark.parametrize("case", GOLDEN["tokenizer"], ids=lambda case: case["input"])
def test_published_ids_of_alignment_rows(case: dict) -> None:
    found = ProteinTokenizer(other="unknown").encode(case["input"])
    assert found.tolist() == case["ids"]


@given(st.text(alphabet="LAGVSERTIDPKQNFYMHWCXBUZO"))
def test_decoding_gives_the_text_back(text: str) -> None:
    protein = ProteinTokenizer()
    assert protein.decode(protein.encode(text), skip_special_tokens=True) == text


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "MCITA"),
        ({"insertions": "drop"}, "MTA"),
        ({"insertions": "drop", "gaps": "keep"}, "M-TA"),
        ({"gaps": "keep"}, "M-CITA"),
    ],
)
def test_each_policy_for_alignment_rows(options: dict, wanted: str) -> None:
    assert "".join(ProteinTokenizer(**options).tokens("M-ciTA")) == wanted


@pytest.mark.parametrize(
    ("options", "text", "letter", "position"),
    [
        ({}, "MKTA*", "*", 5),
        ({}, "MJ", "J", 2),
        ({}, "--M1", "1", 4),
        ({"gaps": "error"}, "M-K", "-", 2),
        ({"insertions": "error"}, "MKa", "a", 3),
    ],
)
def test_a_refused_letter_is_named_with_its_place(
    options: dict, text: str, letter: str, position: int
) -> None:
    with pytest.raises(InputError, match=f"at position {position} ") as caught:
        ProteinTokenizer(**options).encode(text)
    assert caught.value.what.startswith(repr(letter))


def test_span_masks_may_stand_in_the_text() -> None:
    found = ProteinTokenizer().encode("MK<mask-2>A<eos>")
    assert found.tolist() == [0, 20, 15, 34, 5, 2]


@pytest.mark.parametrize("option", ["insertions", "gaps"])
def test_a_policy_that_does_not_exist_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=option):
        ProteinTokenizer(**{option: "maybe"})
