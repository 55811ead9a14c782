"""Masking: the right share, the right kinds, and never a special token."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import DNATokenizer, LegacySmilesTokenizer, mask_tokens

DNA = DNATokenizer()
IDS = DNA.batch(["ACGT" * 5000, "ACGTA" * 3000])["input_ids"]


def masked(seed: int = 0, **options) -> tuple[np.ndarray, np.ndarray]:
    return mask_tokens(IDS, DNA.vocabulary, np.random.default_rng(seed), **options)


def test_shares_are_those_asked_for() -> None:
    hidden, labels = masked()
    letters = np.isin(IDS, DNA.vocabulary.letter_ids)
    chosen = labels != -100
    assert abs(chosen[letters].mean() - 0.15) < 0.01
    assert abs((hidden[chosen] == DNA.mask_id).mean() - 0.8) < 0.02
    # A random letter is the old one in 1 of 5 draws.
    kept = (hidden[chosen] == labels[chosen]).mean()
    assert abs(kept - (0.1 + 0.1 / 5)) < 0.02


def test_labels_hold_what_was_there_and_nothing_else_changes() -> None:
    hidden, labels = masked()
    chosen = labels != -100
    assert np.array_equal(labels[chosen], IDS[chosen])
    assert np.array_equal(hidden[~chosen], IDS[~chosen])


@pytest.mark.parametrize("random_from", ["letters", "all"])
def test_special_tokens_are_never_chosen(random_from: str) -> None:
    _, labels = masked(probability=1.0, random_from=random_from)
    assert np.array_equal(labels == -100, np.isin(IDS, DNA.vocabulary.special_ids))


def test_random_tokens_are_letters_unless_told() -> None:
    hidden, labels = masked(masked_share=0.0, random_share=1.0, probability=1.0)
    assert set(np.unique(hidden[labels != -100])) == set(DNA.vocabulary.letter_ids.tolist())
    hidden, labels = masked(masked_share=0.0, random_share=1.0, probability=1.0, random_from="all")
    assert set(np.unique(hidden[labels != -100])) == set(range(12))


def test_the_seed_decides() -> None:
    assert all(np.array_equal(a, b) for a, b in zip(masked(3), masked(3), strict=True))
    assert not np.array_equal(masked(3)[1], masked(4)[1])


def test_places_can_be_kept_out_and_the_label_chosen() -> None:
    maskable = np.zeros(IDS.shape, dtype=bool)
    maskable[0, -100:-50] = True
    _, labels = masked(probability=1.0, maskable=maskable, ignored=4)
    assert np.array_equal(labels != 4, maskable)


@pytest.mark.parametrize(
    "options",
    [{"probability": 1.5}, {"masked_share": 0.8, "random_share": 0.3}, {"random_from": "x"}],
)
def test_impossible_shares_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        masked(**options)


def test_a_vocabulary_without_mask_is_refused() -> None:
    legacy = LegacySmilesTokenizer({"[PAD]": 0, "C": 1})
    with pytest.raises(InputError, match="no token for 'mask'"):
        mask_tokens(np.array([1]), legacy.vocabulary, np.random.default_rng(0))
