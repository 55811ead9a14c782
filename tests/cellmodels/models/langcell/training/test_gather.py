"""Rows of all ranks: their order, and gradients that average to those of one rank with all."""

from __future__ import annotations

import pytest
import torch

from cellmodels.models.langcell.training import gather
from cellmodels.models.langcell.training.gather import RowPlaces, row_places, total_over_ranks
from cellmodels.models.langcell.training.losses import contrastive_loss


@pytest.mark.parametrize("sizes", [(4, 4), (5, 3), (1, 2, 4)])
def test_the_average_over_ranks_is_the_gradient_of_one(sizes, monkeypatch) -> None:
    torch.manual_seed(0)
    rows = torch.randn(sum(sizes), 6, dtype=torch.float64, requires_grad=True)
    eye = torch.eye(sum(sizes), dtype=torch.bool)

    def loss_of(all_rows: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(all_rows @ all_rows.roll(1, 1).T, eye)

    loss = loss_of(rows)
    loss.backward()
    parts = rows.detach().split(sizes)
    padded = [torch.nn.functional.pad(part, (0, 0, 0, max(sizes) - len(part))) for part in parts]
    monkeypatch.setattr(gather, "_of_all_ranks", lambda own: padded)
    for rank, part in enumerate(parts):
        own = part.clone().requires_grad_()
        places = RowPlaces(sizes, rank)
        found = loss_of(places.gather(own))
        found.backward()
        assert float(found.detach()) == pytest.approx(float(loss.detach()), rel=1e-12)
        # The trainer weighs a rank by its rows.
        share = own.grad * sizes[rank] / sum(sizes)
        torch.testing.assert_close(share, rows.grad[places.own])


def test_one_rank_gathers_nothing() -> None:
    rows = torch.ones(3, 2)
    places = row_places(3, rows.device)
    assert places.gather(rows) is rows
    assert places.own == slice(0, 3)
    assert total_over_ranks(rows).tolist() == rows.tolist()
