"""Both directions under one divisor: linear equals quadratic, and the published model's blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from biosequence.kernels.mlstm import mlstm, mlstm_bidirectional

pytestmark = pytest.mark.usefixtures("both_ways")

B, H, K, V = 2, 2, 8, 6


def sample(length: int, spread: float = 1.0) -> list[torch.Tensor]:
    torch.manual_seed(length)
    inputs = [torch.randn(B, H, length, width) for width in (K, K, V)]
    return [*inputs, *(torch.randn(B, H, length) * spread + 1 for _ in range(3))]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 250])
def test_two_passes_give_what_the_full_matrix_does(length: int, packed: bool) -> None:
    seq_idx = (torch.rand(B, length) < 0.1).cumsum(-1) if packed else None
    torch.manual_seed(0)
    weight, results = torch.randn(B, H, length, V), []
    for backend, dtype in (("parallel", torch.float64), ("cpu", torch.float32)):
        given = [x.to(dtype).requires_grad_() for x in sample(length)]
        h = mlstm_bidirectional(
            *given[:5], f_reverse=given[5], eps=0.0, seq_idx=seq_idx, backend=backend
        )
        slopes = torch.autograd.grad((h * weight.to(dtype)).sum(), given)
        results.append([h, *slopes])
    for wanted, found in zip(*results, strict=True):
        size = wanted.detach().abs().max().clamp(min=1).item()
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("backend", ["parallel", "cpu"])
def test_turned_round_it_gives_the_same_turned_round(backend: str) -> None:
    *inputs, f_reverse = (x.double() for x in sample(70))
    h = mlstm_bidirectional(*inputs, f_reverse=f_reverse, backend=backend)
    q, k, v, i, f = (x.flip(2) for x in inputs)
    turned = mlstm_bidirectional(q, k, v, i, f_reverse.flip(2), f_reverse=f, backend=backend)
    torch.testing.assert_close(turned.flip(2), h)


@pytest.mark.parametrize("backend", ["parallel", "cpu"])
def test_when_the_way_back_forgets_all_one_direction_is_left(backend: str) -> None:
    *inputs, _ = (x.double() for x in sample(70))
    shut = torch.full_like(inputs[4], -800.0)
    h = mlstm_bidirectional(*inputs, f_reverse=shut, eps=0.0, backend=backend)
    torch.testing.assert_close(h, mlstm(*inputs, eps=0.0))


def test_bfloat16_in_and_out() -> None:
    inputs = [x.bfloat16() for x in sample(65)[:5]]
    h = mlstm_bidirectional(*inputs)
    assert h.dtype == torch.bfloat16
    wanted = mlstm_bidirectional(*(x.float() for x in inputs))
    torch.testing.assert_close(h.float(), wanted, rtol=1e-2, atol=1e-2)


def published_block(x: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """A DNA-xLSTM block around our op, from the description beside the tensors."""
    D, heads = x.shape[-1], 4
    inner = F.layer_norm(x, [D], 1 + weights["xlstm_norm.weight"], None, 1e-5)
    path, gate = (inner @ weights["xlstm.proj_up.weight"].T).chunk(2, -1)
    kernel, bias = weights["xlstm.conv1d.conv.weight"], weights["xlstm.conv1d.conv.bias"]
    mixed = F.conv1d(F.pad(path.mT, (3, 0)), kernel, bias, groups=len(kernel)).mT
    mixed = F.silu(mixed)

    def headwise(values: torch.Tensor, name: str) -> torch.Tensor:
        weight = weights[f"xlstm.{name}.weight"]
        blocks = values.unflatten(-1, (len(weight), -1))
        return torch.einsum("blni,noi->blno", blocks, weight).flatten(-2)

    q, k, v = headwise(mixed, "q_proj"), headwise(mixed, "k_proj"), headwise(path, "v_proj")
    every = torch.cat([q, k, v], -1)
    gates = [
        (every @ weights[f"xlstm.mlstm_cell.{name}.weight"].T
         + weights[f"xlstm.mlstm_cell.{name}.bias"]).mT
        for name in ("igate", "fgate")
    ]  # fmt: skip
    split = [y.unflatten(-1, (heads, -1)).transpose(1, 2) for y in (q, k, v)]
    h = mlstm_bidirectional(*split, *gates).transpose(1, 2)
    h = F.layer_norm(h, h.shape[-1:], None, None, 1e-5).flatten(-2)
    h = h * (1 + weights["xlstm.mlstm_cell.outnorm.weight"])
    h = (h + weights["xlstm.learnable_skip"] * mixed) * F.silu(gate)
    return x + h @ weights["xlstm.proj_down.weight"].T


def test_the_published_native_mode_agrees(shared: Path) -> None:
    tensors = load_file(shared / "golden/dna_mlstm_native_bidir.a.safetensors")
    start = "weights/model.backbone."
    weights = {name.removeprefix(start): x.double() for name, x in tensors.items() if start in name}
    x = weights["token_embedding.weight"][tensors["inputs/input_ids"]]
    for block in range(2):
        own = f"xlstm_block_stack.blocks.{block}."
        parts = {name.removeprefix(own): y for name, y in weights.items() if own in name}
        x = published_block(x, parts)
        if block == 0:
            wanted = tensors["outputs/block_input_1"].double()
            torch.testing.assert_close(x, wanted, rtol=0, atol=1e-5)
    gain = 1 + weights["xlstm_block_stack.post_blocks_norm.weight"]
    logits = F.layer_norm(x, x.shape[-1:], gain, None, 1e-5) @ weights["lm_head.weight"].T
    torch.testing.assert_close(logits, tensors["outputs/logits_fp64"], rtol=0, atol=1e-5)
