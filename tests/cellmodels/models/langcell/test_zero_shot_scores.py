"""What follows from the formulas of zero-shot scores, whatever the model."""

from __future__ import annotations

import math

import pytest
import torch

from cellmodels.models.langcell.scores import (
    close_enough,
    log_scores,
    matched_scores,
    published_scores,
)

CELLS = 4000


def drawn(candidates: int, sharpness: float, seed: int = 0):
    """Similarities and matches of random cells."""
    generator = torch.Generator().manual_seed(seed)
    similarity_BN = sharpness * torch.randn(CELLS, candidates, generator=generator)
    match_BN2 = 4 * torch.randn(CELLS, candidates, 2, generator=generator)
    return similarity_BN.double(), match_BN2.double()


@pytest.mark.parametrize("candidates", [2, 8, 50])
def test_published_scores_add_up_to_one_and_never_exceed_their_bound(candidates: int) -> None:
    scores_BN = published_scores(*drawn(candidates, 3.0), alpha=0.1)
    assert torch.allclose(scores_BN.sum(1), torch.ones(CELLS, dtype=torch.float64))
    assert scores_BN.max() <= 0.1 + 0.9 * math.e / (math.e + candidates - 1)


@pytest.mark.parametrize("candidates", [20, 50, 200])
def test_no_published_winner_lies_further_behind_than_close_enough(candidates: int) -> None:
    similarity_BN, match_BN2 = drawn(candidates, 4.0)
    s_BN = similarity_BN.softmax(1)
    winner_B = published_scores(similarity_BN, match_BN2, alpha=0.1).argmax(1)
    behind_B = s_BN.max(1).values - s_BN.gather(1, winner_B[:, None])[:, 0]
    assert 0 < behind_B.max() <= close_enough(candidates)


def test_close_enough_cannot_be_smaller() -> None:
    # One text matches for sure, no other at all.
    gap = close_enough(50)
    p = torch.full((50,), 1e-9, dtype=torch.float64)
    match_BN2 = torch.zeros(1, 50, 2, dtype=torch.float64)
    match_BN2[..., 0] = 60.0
    match_BN2[0, 1] = torch.tensor([0.0, 60.0])
    for nearer, winner in ((0.99, 1), (1.01, 0)):
        p[0], p[1] = 0.5 + nearer * gap / 2, 0.5 - nearer * gap / 2
        assert published_scores(p.log()[None], match_BN2, alpha=0.1).argmax() == winner


def test_matching_every_candidate_is_the_sum_of_logarithms() -> None:
    similarity_BN, match_BN2 = drawn(5, 2.0)
    best_BK = similarity_BN.topk(5).indices
    every = torch.ones_like(best_BK, dtype=torch.bool)
    match_BK2 = match_BN2.gather(1, best_BK[..., None].expand(-1, -1, 2))
    found = matched_scores(similarity_BN.log_softmax(1), best_BK, match_BK2, every, weight=3.0)
    assert torch.allclose(found, 4 * log_scores(similarity_BN, match_BN2, alpha=0.25))


def test_candidates_that_were_not_matched_stay_behind_those_that_were() -> None:
    similarity_BN, match_BN2 = drawn(9, 1.0)
    p_BK, best_BK = similarity_BN.softmax(1).topk(3)
    close_BK = p_BK >= p_BK[:, :1] - 0.2
    found = matched_scores(
        similarity_BN.log_softmax(1), best_BK, match_BN2[:, :3], close_BK, weight=1.0
    )
    place_B = (best_BK == found.argmax(1, keepdim=True)).int().argmax(1)
    assert close_BK.gather(1, place_B[:, None]).all()
    assert (place_B > 0).any()


def test_without_any_match_the_similarity_stays() -> None:
    log_s_BN = torch.randn(3, 4).log_softmax(1)
    best_BK, none = torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, 2, dtype=torch.bool)
    found = matched_scores(log_s_BN, best_BK, torch.randn(3, 2, 2), none, weight=1.0)
    assert torch.equal(found, log_s_BN)
