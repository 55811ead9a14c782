"""The table gives what a loop over a dictionary would give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.tokenizers import ByteTable
from biosequence.tokenizers.lut import AbsentCharacterError

IDS = {"A": 7, "C": 8, "G": 9, "T": 10, "a": 7}


@given(st.text(alphabet="ACGTa-.é\u4e2d\x00\xff"))
def test_it_equals_a_loop(text: str) -> None:
    table = ByteTable(IDS, dropped="-.")
    wanted = [IDS.get(letter, 3) for letter in text if letter not in "-."]
    assert table.encode(text, absent=3).tolist() == wanted


@given(st.text(alphabet="ACGT-"), st.sampled_from("Xé\u4e2d\xff\x00"), st.text(alphabet="ACX-"))
def test_the_first_unknown_character_is_found(before: str, wrong: str, after: str) -> None:
    table = ByteTable(IDS, dropped="-")
    with pytest.raises(AbsentCharacterError) as caught:
        table.encode(before + wrong + after)
    assert caught.value.position == len(before)


def test_bytes_are_read_like_text() -> None:
    assert ByteTable(IDS).encode(b"ACGT").tolist() == [7, 8, 9, 10]


def test_nothing_gives_nothing() -> None:
    assert ByteTable(IDS).encode("").tolist() == []
