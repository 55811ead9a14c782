"""Tokenizers by name."""

from __future__ import annotations

import pytest

from biosequence import tokenizers
from biosequence.errors import UsageError
from biosequence.tokenizers import get_tokenizer, register_tokenizer, tokenizer_names
from biosequence.tokenizers.registry import tokenizer_class


@pytest.mark.parametrize("name", tokenizer_names())
def test_every_class_knows_its_own_name(name: str) -> None:
    assert tokenizer_class(name).name == name


def test_options_reach_the_class() -> None:
    assert get_tokenizer("dna-kmer", k=4).k == 4
    assert get_tokenizer("smiles-legacy", {"[PAD]": 0, "C": 1}).tokens("C") == ["C"]


@pytest.mark.parametrize(("wrong", "near"), [("dnaa", "dna"), ("smile", "smiles")])
def test_an_unknown_name_lists_near_ones(wrong: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean .*{near}"):
        get_tokenizer(wrong)


def test_other_libraries_add_theirs_and_cannot_take_a_name() -> None:
    home = "biosequence.tokenizers.protein:ProteinTokenizer"
    register_tokenizer("protein", home)
    with pytest.raises(UsageError, match="is taken"):
        register_tokenizer("dna", home)


def test_every_public_name_is_there() -> None:
    for name in tokenizers.__all__:
        assert getattr(tokenizers, name).__name__ == name
    assert sorted(tokenizers.__all__) == dir(tokenizers)
    with pytest.raises(AttributeError):
        tokenizers.nothing  # noqa: B018
