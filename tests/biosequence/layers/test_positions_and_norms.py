"""Rotary tables, norms and places do what their formulas say."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from biosequence.layers import (
    HeadNorm,
    LayerNorm,
    RMSNorm,
    ScaledSinusoid,
    apply_rotary,
    default_positions,
    rotary_table,
)
from biosequence.layers.place import both_strands_place, reversed_place
from biosequence.layers.rotary import rotate_two_parts


def rotated(x, positions, theta=500_000.0):
    cos, sin = rotary_table(positions, x.shape[-1], theta=theta, dtype=x.dtype)
    return apply_rotary(x, cos, sin)


def test_rotation_depends_on_the_distance_only():
    q, k = torch.randn(2, 1, 1, 32, dtype=torch.float64)
    products = [
        (rotated(q, torch.tensor([[a]])) * rotated(k, torch.tensor([[b]]))).sum()
        for a, b in ((0, 7), (100, 107), (100_000, 100_007))
    ]
    assert torch.allclose(torch.stack(products), products[0].expand(3), atol=1e-9)


def test_rotation_keeps_lengths_and_takes_positions_in_any_order():
    x = torch.randn(1, 5, 8)
    positions = torch.tensor([[4, 0, 4, 100, 2]])
    y = rotated(x, positions)
    assert torch.allclose(y.norm(dim=-1), x.norm(dim=-1), atol=1e-5)
    one = rotated(x[:, 3:4], positions[:, 3:4])
    assert torch.equal(y[:, 3:4], one)


def test_rotation_is_of_interleaved_pairs_as_complex_numbers():
    x, positions = torch.randn(1, 3, 6, dtype=torch.float64), torch.tensor([[0, 1, 5]])
    angle = positions[..., None] * 500_000.0 ** (-torch.arange(3, dtype=torch.float64) / 3)
    turned = torch.view_as_complex(x.unflatten(-1, (3, 2))) * torch.exp(1j * angle)
    assert torch.allclose(rotated(x, positions), torch.view_as_real(turned).flatten(-2))


def test_two_part_rotation_is_two_rotations():
    x = torch.randn(1, 4, 20)
    positions, numbers = torch.tensor([[0, 1, 0, 1]]), torch.tensor([[0, 0, 1, 1]])
    y = rotate_two_parts(x, positions, numbers, parts=(2048, 512), theta=1e4)
    assert torch.allclose(y[..., :16], rotated(x[..., :16], positions, 1e4))
    assert torch.allclose(y[..., 16:], rotated(x[..., 16:], numbers, 1e4))


def test_sinusoids_are_scaled():
    layer = ScaledSinusoid(8)
    x, positions = torch.zeros(1, 2, 8), torch.tensor([[0, 3]])
    table = layer(x, positions)[0] / layer.scale
    assert torch.allclose(table[0], torch.tensor([0.0] * 4 + [1.0] * 4))
    assert torch.allclose(table[1, 0], torch.tensor(3.0).sin())


def test_residual_and_plain_weights_are_the_same_norm():
    x, gamma = torch.randn(2, 3, 8), torch.randn(8)
    for residual in (False, True):
        norm = LayerNorm(8, residual_weight=residual)
        norm.weight.data = gamma - 1 if residual else gamma
        assert torch.allclose(norm(x), F.layer_norm(x, (8,), gamma), atol=1e-6)


def test_each_head_is_normalised_by_itself():
    x = torch.randn(2, 3, 4, 8)
    y = HeadNorm(4, 8)(x)
    assert torch.allclose(
        y, HeadNorm(4, 8)(x * torch.tensor([1, 10, 100, 1.0])[:, None]), atol=1e-3
    )
    wanted = F.group_norm(x.reshape(6, 32), 4).view(2, 3, 32)
    assert torch.allclose(y, wanted, atol=1e-5)


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_norms_return_the_dtype_of_their_weights(norm):
    layer = norm(8).to(torch.bfloat16)
    assert layer(torch.randn(1, 2, 8)).dtype == torch.bfloat16


def test_positions_count_within_documents_and_skip_padding():
    mask = torch.tensor([[0, 0, 1, 1, 1, 1]])
    documents = torch.tensor([[0, 0, 0, 0, 1, 1]])
    ids = default_positions(1, 6, mask.device, mask=mask, seq_idx=documents)
    assert ids[0, 2:].tolist() == [0, 1, 0, 1]


def test_a_reversed_place_counts_upwards_again():
    place = {
        "mask": torch.tensor([[True, True, True, False]]),
        "seq_idx": torch.tensor([[0, 0, 1, 1]]),
        "position_ids": torch.tensor([[0, 1, 2, 9]]),
    }
    back = reversed_place(place)
    assert back["mask"].tolist() == [[False, True, True, True]]
    assert back["position_ids"][0, 1:].tolist() == [0, 1, 2]
    both = both_strands_place(place)
    assert both["seq_idx"].tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]
    assert both["seq_position_ids"] is None
