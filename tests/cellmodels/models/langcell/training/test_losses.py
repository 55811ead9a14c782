"""Every loss against the same sum written as loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cellmodels.models.langcell.training.losses import (
    contrastive_loss,
    draw_negatives,
    first_of_each,
    masked_gene_loss,
    matching_loss,
    same_identity,
)

IDENTITIES = torch.tensor([3, 5, 3, -1, 5, 5, -1])


def scores(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 3


def log_softmax(row: list[float]) -> list[float]:
    top = max(row)
    total = sum(math.exp(value - top) for value in row)
    return [value - top - math.log(total) for value in row]


def one_direction(similarity: list[list[float]], positives: list[list[bool]]) -> float:
    losses = []
    for row, wanted in zip(similarity, positives, strict=True):
        logs = log_softmax(row)
        chosen = [-log for log, true in zip(logs, wanted, strict=True) if true]
        losses.append(sum(chosen) / len(chosen))
    return sum(losses) / len(losses)


def both_directions(similarity: torch.Tensor, positives: torch.Tensor) -> float:
    there = one_direction(similarity.tolist(), positives.tolist())
    back = one_direction(similarity.T.tolist(), positives.T.tolist())
    return (there + back) / 2


def test_masked_genes_cost_the_negative_log_of_their_share() -> None:
    logits, labels = scores(6, 9), torch.tensor([0, 8, 3, 3, 1, 7])
    found = masked_gene_loss(logits, labels)
    wanted = -sum(
        log_softmax(row)[label] for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    )
    assert float(found) == pytest.approx(wanted, rel=1e-6)
    assert float(masked_gene_loss(logits[:0], labels[:0])) == 0


def test_one_positive_a_row_is_the_symmetric_infonce() -> None:
    similarity = scores(7, 7)
    eye = torch.eye(7, dtype=torch.bool)
    assert float(contrastive_loss(similarity, eye)) == pytest.approx(
        both_directions(similarity, eye), rel=1e-9
    )


def test_cells_of_one_identity_share_the_target() -> None:
    similarity = scores(7, 7)
    positive = same_identity(IDENTITIES, IDENTITIES) | torch.eye(7, dtype=torch.bool)
    assert float(contrastive_loss(similarity, positive)) == pytest.approx(
        both_directions(similarity, positive), rel=1e-9
    )


def test_pairs_that_are_left_out_change_nothing() -> None:
    similarity = scores(7, 7)
    eye = torch.eye(7, dtype=torch.bool)
    left_out = same_identity(IDENTITIES, IDENTITIES) & ~eye
    found = float(contrastive_loss(similarity, eye, left_out))
    changed = similarity + 100 * left_out
    assert float(contrastive_loss(changed, eye, left_out)) == pytest.approx(found, rel=1e-9)
    assert float(contrastive_loss(changed, eye)) > found + 1
    losses = []
    for matrix in (similarity, similarity.T):
        for number, row in enumerate(matrix.tolist()):
            others = [v for j, v in enumerate(row) if not left_out[number, j]]
            place = sum(not left_out[number, j] for j in range(number))
            losses.append(-log_softmax(others)[place])
    assert found == pytest.approx(sum(losses) / len(losses), rel=1e-9)


def test_a_row_with_nothing_but_its_positive_has_a_finite_gradient() -> None:
    similarity = scores(2, 2).requires_grad_()
    eye = torch.eye(2, dtype=torch.bool)
    loss = contrastive_loss(similarity, eye, ~eye)
    loss.backward()
    assert float(loss.detach()) == 0
    assert similarity.grad.isfinite().all()


def test_unknown_identities_are_never_the_same() -> None:
    found = same_identity(IDENTITIES, IDENTITIES)
    for i, one in enumerate(IDENTITIES.tolist()):
        for j, other in enumerate(IDENTITIES.tolist()):
            assert bool(found[i, j]) == (one == other and one >= 0)


def test_negatives_come_as_often_as_the_softmax_of_the_others_says() -> None:
    similarity = scores(1, 6, seed=3).float()
    same = torch.tensor([[False, True, False, False, True, False]])
    draws = torch.from_numpy(np.random.default_rng(0).random(20_000, dtype=np.float32))
    index, found = draw_negatives(similarity.expand(20_000, 6), same.expand(20_000, 6), draws)
    assert bool(found.all())
    shares = np.bincount(index.numpy(), minlength=6) / 20_000
    kept = [0, 2, 3, 5]
    wanted = np.zeros(6)
    wanted[kept] = np.exp(log_softmax(similarity[0, kept].tolist()))
    np.testing.assert_allclose(shares, wanted, atol=0.012)
    assert shares[1] == shares[4] == 0


@pytest.mark.parametrize("draw", [0.0, float(np.nextafter(np.float32(1), np.float32(0)))])
def test_the_ends_of_the_draw_stay_within_the_others(draw: float) -> None:
    similarity = scores(200, 9, seed=1).float() * 10
    same = torch.zeros(200, 9, dtype=torch.bool)
    same[:, [0, 8]] = True
    index, found = draw_negatives(similarity, same, torch.full((200,), draw))
    assert not bool((found & ((index == 0) | (index == 8))).any())
    assert found.float().mean() > 0.9


def test_a_row_without_others_has_no_negative() -> None:
    same = torch.tensor([[True, True], [True, False]])
    index, found = draw_negatives(torch.zeros(2, 2), same, torch.tensor([0.5, 0.5]))
    assert found.tolist() == [False, True]
    assert int(index[1]) == 1


def test_matching_counts_only_pairs_that_exist() -> None:
    logits, match = scores(5, 2), torch.tensor([1, 0, 1, 0, 0])
    counted = torch.tensor([True, True, False, True, False])
    wanted = -sum(
        log_softmax(row)[label]
        for row, label, there in zip(logits.tolist(), match.tolist(), counted.tolist(), strict=True)
        if there
    )
    assert float(matching_loss(logits, match, counted)) == pytest.approx(wanted, rel=1e-6)


def test_a_number_counts_where_it_comes_first() -> None:
    numbers = [5, 2, 5, 5, 1, 2]
    found = first_of_each(torch.tensor(numbers)).tolist()
    assert found == [number not in numbers[:place] for place, number in enumerate(numbers)]
