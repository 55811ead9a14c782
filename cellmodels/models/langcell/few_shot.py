"""Classes of which a few cells are known, beside their texts; nothing is trained."""

# Shapes: B cells, K examples, N classes, P shared width.

from __future__ import annotations

import numpy as np


def few_examples(labels_B: np.ndarray, per_class: int, seed: int = 0) -> np.ndarray:
    """Numbers of the first cells of each class in a seeded order of all cells, ascending.

    Parameters
    ----------
    labels_B
        Label of each cell; "" for none.
    per_class
        How many of each class; a class that has fewer gives all.
    seed
        Seed of the order.

    Examples
    --------
    >>> found = few_examples(np.array(["a", "b", "a", "", "b", "a"], dtype=object), 1)
    >>> len(found), sorted(np.array(["a", "b", "a", "", "b", "a"])[found].tolist())
    (2, ['a', 'b'])
    """
    order = np.random.default_rng(seed).permutation(len(labels_B))
    chosen = [
        order[labels_B[order] == label][:per_class]
        for label in sorted(set(labels_B.tolist()) - {""})
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)


def prototypes(
    text_NP: np.ndarray, examples_KP: np.ndarray, classes_K: np.ndarray, text_share: float
) -> np.ndarray:
    """Where each class lies: between its text and the middle of its examples, float32 (N, P).

    p = unit(share x text + (1 - share) x unit(mean of the examples)), the class means of
    prototypical networks (Snell et al. 2017) drawn towards the text. A class without examples
    keeps its text.

    Parameters
    ----------
    text_NP
        Points of the texts, of length 1.
    examples_KP
        Points of the cells that are known, of length 1.
    classes_K
        Number of the class of each.
    text_share
        1 for the texts alone, 0 for the examples alone.

    Examples
    --------
    >>> texts, cells = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.6, 0.8]])
    >>> prototypes(texts, cells, np.array([0]), text_share=0.0).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 1.0]]
    """
    sums_NP = np.zeros(text_NP.shape)
    np.add.at(sums_NP, classes_K, examples_KP)
    known_N1 = np.bincount(classes_K, minlength=len(text_NP))[:, None] > 0
    mixed_NP = text_share * text_NP + (1 - text_share) * _unit(sums_NP)
    return _unit(np.where(known_N1, mixed_NP, text_NP)).astype(np.float32)


def class_probabilities(
    embedding_BP: np.ndarray, prototype_NP: np.ndarray, temperature: float
) -> np.ndarray:
    """Softmax over the classes of cosines over the temperature, float32 (B, N); not calibrated."""
    # Row by row: a product of matrices rounds by their shapes.
    cosine_BN = np.einsum("bp,np->bn", embedding_BP, prototype_NP).astype(np.float64)
    logits_BN = cosine_BN / temperature
    p_BN = np.exp(logits_BN - logits_BN.max(axis=1, keepdims=True))
    return (p_BN / p_BN.sum(axis=1, keepdims=True)).astype(np.float32)


def _unit(x_NP: np.ndarray) -> np.ndarray:
    return x_NP / np.maximum(np.linalg.norm(x_NP, axis=1, keepdims=True), 1e-12)
