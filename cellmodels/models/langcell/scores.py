"""From similarities and matches to scores of candidates: the published one, and in logarithms."""

# Shapes: B cells, N candidates, K of them that were matched.

from __future__ import annotations

import math

import torch
from torch import Tensor

PUBLISHED_ALPHA = 0.1
"""Share of the similarity in the score that the authors report."""


def published_scores(
    similarity_BN: Tensor, match_BN2: Tensor, alpha: float = PUBLISHED_ALPHA
) -> Tensor:
    """The score of the LangCell repository, (B, N).

    The probability of a match goes through a second softmax over the candidates. That makes it
    comparable with the similarity's, and nearly flat where candidates are many: the largest of N
    equals at most e / (e + N - 1). It ranks candidates and is no probability.

    Parameters
    ----------
    similarity_BN
        Cosines over the temperature.
    match_BN2
        Logits of matching; index 1: they match.
    alpha
        Weight of the similarity.

    Examples
    --------
    >>> published_scores(torch.tensor([[20.0, 0.0]]), torch.tensor([[[0.0, 9.0], [9.0, 0.0]]]))
    tensor([[0.7579, 0.2421]])
    """
    match_BN = match_BN2.softmax(-1)[..., 1]
    return alpha * similarity_BN.softmax(-1) + (1 - alpha) * match_BN.softmax(-1)


def log_scores(similarity_BN: Tensor, match_BN2: Tensor, alpha: float) -> Tensor:
    """The same two probabilities as a weighted sum of logarithms, (B, N).

    One softmax less: it means the same however many candidates there are.

    Parameters
    ----------
    similarity_BN, match_BN2, alpha
        As :func:`published_scores`.
    """
    match_BN = match_BN2.log_softmax(-1)[..., 1]
    return alpha * similarity_BN.log_softmax(-1) + (1 - alpha) * match_BN


def matched_scores(
    log_s_BN: Tensor, best_BK: Tensor, match_BK2: Tensor, compared_BK: Tensor, weight: float
) -> Tensor:
    """The logarithms as a sum, log s + weight x log m, where few were matched, (B, N).

    Candidates that were not matched are given the least match of those that were, so that matching
    reorders the best and leaves the others behind them.

    Parameters
    ----------
    log_s_BN
        Log probabilities of the similarity.
    best_BK
        Candidates with the largest.
    match_BK2
        Their logits of matching.
    compared_BK
        True where these were computed. A row without any keeps the similarity alone.
    weight
        What a match counts beside the similarity.

    Examples
    --------
    >>> log_s = torch.tensor([[0.6, 0.3, 0.1]]).log()
    >>> match = torch.tensor([[[0.0, 0.0], [-9.0, 9.0]]])
    >>> both = torch.tensor([[True, True]])
    >>> found = matched_scores(log_s, torch.tensor([[0, 1]]), match, both, weight=1.0)
    >>> found.exp().round(decimals=2)
    tensor([[0.3000, 0.3000, 0.0500]])
    """
    log_m_BK = match_BK2.log_softmax(-1)[..., 1]
    least_B1 = log_m_BK.masked_fill(~compared_BK, torch.inf).amin(-1, keepdim=True)
    least_B1 = torch.where(least_B1.isinf(), 0.0, least_B1)
    log_m_BK = torch.where(compared_BK, log_m_BK, least_B1)
    log_m_BN = least_B1.expand_as(log_s_BN).scatter(-1, best_BK, log_m_BK)
    return log_s_BN + weight * log_m_BN


def close_enough(num_candidates: int, alpha: float = PUBLISHED_ALPHA) -> float:
    """How much less probable a candidate may be by similarity and still win by matching.

    Two second softmaxes over N candidates differ by (e - 1) / (N - 1 + e) at most, so that in the
    published score nothing further behind can come first, whatever matching says.

    Examples
    --------
    >>> round(close_enough(50), 3), close_enough(8) > 1
    (0.299, True)
    """
    return (1 - alpha) / alpha * (math.e - 1) / (num_candidates - 1 + math.e)
