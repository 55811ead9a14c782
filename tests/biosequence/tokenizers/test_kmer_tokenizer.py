"""Words of DNA: nothing is lost side by side, and words are those that a loop would cut."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.complement import reverse_complement
from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import KmerTokenizer

DNA = st.text(alphabet="ACGTN", max_size=60)


@given(DNA, st.integers(2, 4))
def test_side_by_side_loses_nothing(text: str, k: int) -> None:
    kmers = KmerTokenizer(k)
    assert kmers.decode(kmers.encode(text), skip_special_tokens=True) == text
    assert all(len(token) in (1, k) for token in kmers.tokens(text))


@given(DNA)
def test_side_by_side_cuts_runs_from_their_start(text: str) -> None:
    wanted, place = [], 0
    while place < len(text):
        word = text[place : place + 3]
        size = 3 if len(word) == 3 and "N" not in word else 1
        wanted.append(text[place : place + size])
        place += size
    assert KmerTokenizer(3).tokens(text) == wanted


@given(DNA, st.integers(1, 2))
def test_overlapping_words_equal_a_loop(text: str, stride: int) -> None:
    windows = [text[i : i + 3] for i in range(0, len(text) - 2, stride)]
    end = (len(windows) - 1) * stride + 3 if windows else 0
    wanted = ["[UNK]" if "N" in word else word for word in windows]
    wanted += ["[UNK]" if letter == "?" else letter for letter in text[end:]]
    assert KmerTokenizer(3, stride=stride).tokens(text) == wanted


@given(st.text(alphabet="ACGT", max_size=60), st.integers(1, 2))
def test_overlapping_words_of_known_bases_decode_to_the_text(text: str, stride: int) -> None:
    kmers = KmerTokenizer(3, stride=stride)
    assert kmers.decode(kmers.encode(text), skip_special_tokens=True) == text


def test_the_words_are_all_there_in_order() -> None:
    tokens = KmerTokenizer(3).vocabulary.tokens
    assert list(tokens[12:]) == ["".join(word) for word in product("ACGT", repeat=3)]


def test_the_complement_of_a_word_is_its_other_strand() -> None:
    vocabulary = KmerTokenizer(4).vocabulary
    for word in ("AACG", "ACGT", "TTTT"):
        other = vocabulary.token(int(vocabulary.complement_ids[vocabulary.id(word)]))
        assert other == reverse_complement(word)


def test_a_wrong_letter_is_named() -> None:
    with pytest.raises(InputError, match="'!' at position 5 "):
        KmerTokenizer(2).encode("ACGT!")


@pytest.mark.parametrize("options", [{"k": 1}, {"k": 9}, {"k": 3, "stride": 4}, {"stride": 0}])
def test_impossible_words_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        KmerTokenizer(**options)


def test_overlapping_words_say_why_they_are_not_saved(tmp_path) -> None:
    with pytest.raises(UsageError, match="Overlapping"):
        KmerTokenizer(3, stride=1).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
