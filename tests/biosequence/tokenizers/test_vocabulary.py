"""A vocabulary is what it was made of, for good."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.errors import InputError
from biosequence.tokenizers import Vocabulary

ROLES = {"pad": "<pad>", "unk": "<unk>"}
TOKENS = ("<pad>", "<unk>", "<extra>", "A", "C", "G", "T")
PAIRS = {"A": "T", "T": "A", "C": "G", "G": "C"}


@pytest.fixture
def letters() -> Vocabulary:
    return Vocabulary(TOKENS, ROLES, ("<extra>",), PAIRS)


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, unique=True))
def test_ids_and_tokens_are_inverse(tokens: list[str]) -> None:
    vocabulary = Vocabulary(tuple(tokens))
    assert [vocabulary.token(int(number)) for number in vocabulary.ids(tokens)] == tokens
    assert [vocabulary.id(token) for token in tokens] == list(range(len(tokens)))


def test_special_and_letter_ids_are_a_partition(letters: Vocabulary) -> None:
    assert letters.special_ids.tolist() == [0, 1, 2]
    assert letters.letter_ids.tolist() == [3, 4, 5, 6]
    assert letters.specials == ("<pad>", "<unk>", "<extra>")


def test_complement_is_an_involution_and_leaves_the_rest(letters: Vocabulary) -> None:
    table = letters.complement_ids
    assert table[table].tolist() == list(range(len(letters)))
    assert table.tolist() == [0, 1, 2, 6, 5, 4, 3]


def test_it_cannot_be_changed(letters: Vocabulary) -> None:
    with pytest.raises(FrozenInstanceError):
        letters.tokens = ()
    with pytest.raises(TypeError):
        letters.roles["pad"] = "A"
    with pytest.raises(ValueError, match="read-only"):
        letters.complement_ids[0] = 3


def test_changing_what_it_was_made_of_does_not_reach_it() -> None:
    roles = dict(ROLES)
    vocabulary = Vocabulary(TOKENS, roles)
    before = vocabulary.sha256
    roles["pad"] = "A"
    assert vocabulary.role("pad") == "<pad>"
    assert Vocabulary(TOKENS, ROLES).sha256 == before


@pytest.mark.parametrize(
    "other",
    [
        Vocabulary(TOKENS[:-1], ROLES, ("<extra>",)),
        Vocabulary((*TOKENS[:-2], "T", "G"), ROLES, ("<extra>",), PAIRS),
        Vocabulary(TOKENS, {"pad": "<pad>"}, ("<extra>", "<unk>"), PAIRS),
        Vocabulary(TOKENS, ROLES, ("<extra>",)),
    ],
)
def test_the_checksum_tells_vocabularies_apart(letters: Vocabulary, other: Vocabulary) -> None:
    assert other.sha256 != letters.sha256
    assert other != letters


def test_it_survives_json_and_processes(letters: Vocabulary) -> None:
    assert Vocabulary.from_json(letters.to_json()) == letters
    assert pickle.loads(pickle.dumps(letters)) == letters
    assert hash(Vocabulary.from_json(letters.to_json())) == hash(letters)


def test_checksum_of_this_vocabulary_stays(letters: Vocabulary) -> None:
    # Saved tokenizers hold it: another algorithm would make all of them look damaged.
    assert letters.sha256.startswith("1111c971e676")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("A", "A"),), "'A' occurs more than once"),
        ((("A", ""),), "none may be empty"),
        (((),), "needs tokens"),
        ((("A",), {"pad": "B"}), "'B' is not in the vocabulary"),
        ((("A",), {"start": "A"}), "'start' is no role"),
        ((("A",), {}, ("B",)), "'B' is not in the vocabulary"),
        ((("A", "T", "C"), {}, (), {"A": "T", "T": "C", "C": "T"}), "complement of 'A'"),
    ],
)
def test_what_is_no_vocabulary_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Vocabulary(*arguments)


def test_an_unknown_token_is_an_error_that_names_similar_ones() -> None:
    genes = Vocabulary(("CD79A", "CD79B", "MS4A1"))
    with pytest.raises(InputError, match="Did you mean 'CD79"):
        genes.id("CD79C")
    with pytest.raises(InputError):
        genes.ids(["CD79A", "X"])


@pytest.mark.parametrize("number", [-1, 7, 10_000])
def test_an_id_outside_is_an_error(letters: Vocabulary, number: int) -> None:
    with pytest.raises(InputError, match="outside the vocabulary"):
        letters.token(number)


def test_a_missing_role_is_an_error_that_lists_those_there_are(letters: Vocabulary) -> None:
    with pytest.raises(InputError, match="pad, unk"):
        letters.role_id("mask")
    assert letters.role("mask") is None


def test_ids_are_int64(letters: Vocabulary) -> None:
    assert letters.ids(["A", "T"]).dtype == np.int64
    assert letters.ids([]).shape == (0,)
