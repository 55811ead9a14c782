"""Baselines learn what they can, the same way every time."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.evaluation import cnn_classifier, kmer_counts, kmer_logistic
from biosequence.evaluation.kmer_baseline import fit_ridge

FITS = {"kmer": kmer_logistic, "cnn": cnn_classifier}


def words(number: int, seed: int) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    motifs = ("AAAAAA", "CGCGCG", "TTGTTG")
    labels = rng.integers(0, 3, number)
    texts = []
    for label in labels:
        letters = "".join(rng.choice(list("ACGT"), rng.integers(24, 40)))
        at = rng.integers(0, len(letters) - 6)
        texts.append(letters[:at] + motifs[label] * 2 + letters[at:])
    return texts, labels


@pytest.mark.parametrize("name", FITS)
def test_three_motifs_are_learned_in_the_order_of_labels(name: str) -> None:
    train, labels = words(240, 0)
    test, truth = words(60, 1)
    scores = FITS[name](train, labels, test, num_labels=3)
    assert scores.shape == (60, 3)
    assert (scores.argmax(1) == truth).mean() > 0.85
    assert np.array_equal(scores, FITS[name](train, labels, test, num_labels=3))


@pytest.mark.parametrize("name", FITS)
def test_a_label_without_examples_is_never_the_answer(name: str) -> None:
    train, labels = words(60, 0)
    kept = labels < 2
    scores = FITS[name](
        [text for text, one in zip(train, kept, strict=True) if one],
        labels[kept],
        ["AAAAAAAAA"],
        num_labels=3,
    )
    assert scores.shape == (1, 3)
    assert np.isfinite(scores).all()
    if name == "kmer":
        assert scores[0].argmin() == 2


def test_counts_tell_words_apart_and_not_lengths() -> None:
    found = kmer_counts(["ACGT", "ACGT" * 2, "acgt"], k=(1, 1)).toarray()
    assert np.allclose(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_strange_and_long_sequences_do_not_stop_the_network() -> None:
    train, labels = words(33, 0)
    scores = cnn_classifier(train, labels, ["", "XYZ", "ACGT" * 100], num_labels=3, epochs=1)
    assert np.isfinite(scores).all()


def test_ridge_finds_a_slope() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(120, 4)), np.array([1.0, -2, 0, 3])
    found = fit_ridge(x[:100], x[:100] @ w, x[100:])
    assert np.allclose(found, x[100:] @ w, atol=0.1)
