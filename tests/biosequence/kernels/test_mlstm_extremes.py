"""The mLSTM stays finite at extreme gates, and its fp64 gradients are the numeric ones."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from biosequence.kernels.mlstm import MLSTMState, mlstm, mlstm_bidirectional

pytestmark = pytest.mark.usefixtures("both_ways")

EXTREMES = [*itertools.product((-60.0, 0.0, 60.0), (-30.0, 0.0, 30.0)), None]


def gates(extreme: tuple[float, float] | None, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Constant gates, or N(0, 20) for None."""
    if extreme is None:
        return torch.randn(1, 2, length) * 20, torch.randn(1, 2, length) * 20
    return tuple(torch.full((1, 2, length), value) for value in extreme)


@pytest.mark.parametrize("op", ["naive", "parallel", "cpu", "both parallel", "both cpu"])
@pytest.mark.parametrize("extreme", EXTREMES)
def test_extreme_gates_are_finite_and_right(extreme: tuple | None, op: str) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(1, 2, 150, 8) for _ in range(3)]
    both, backend = op.startswith("both"), op.removeprefix("both ")
    run = mlstm_bidirectional if both else mlstm
    given = [x.requires_grad_() for x in (*inputs, *gates(extreme, 150))]
    h = run(*given, backend=backend)
    slopes = torch.autograd.grad((h * torch.randn_like(h)).sum(), given)
    assert all(torch.isfinite(x).all() for x in (h, *slopes))
    exact = run(*(x.detach().double() for x in given), backend="parallel")
    # A divisor near zero makes single outputs large, and their errors with them.
    size = exact.abs().clamp(min=1)
    assert ((h - exact) / size).abs().max().item() < 1e-3


def test_extreme_changes_of_the_gates_within_a_chunk() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, 64, 8) for _ in range(3))
    i, f = torch.zeros(1, 1, 64), torch.full((1, 1, 64), 5.0)
    i[..., 20], i[..., 40] = 200.0, -200.0
    f[..., 30], f[..., 50] = -300.0, -1000.0
    wanted = mlstm(*(x.double() for x in (q, k, v, i, f)), backend="naive")
    torch.testing.assert_close(mlstm(q, k, v, i, f).double(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gate", ["exp", "sigmoid"])
@pytest.mark.parametrize("backend", ["naive", "parallel", "cpu"])
def test_a_shut_input_gate_and_an_open_forget_gate_are_padding(backend: str, gate: str) -> None:
    torch.manual_seed(0)
    given = [torch.randn(1, 2, 100, 4) for _ in range(3)]
    given += [torch.randn(1, 2, 100), torch.randn(1, 2, 100)]
    given[3][..., :9] = given[3][..., 70:75] = -torch.inf
    given[4][..., :9] = given[4][..., 70:75] = torch.inf
    given = [x.requires_grad_() for x in given]
    kept = [*range(9, 70), *range(75, 100)]
    options = {"backend": backend, "input_gate": gate, "return_last_state": True}
    h, state = mlstm(*given, **options)
    wanted, last = mlstm(*(x[:, :, kept] for x in given), **options)
    torch.testing.assert_close(h[:, :, kept], wanted)
    torch.testing.assert_close(state.C, last.C)
    slopes = torch.autograd.grad(h.sum() + state.C.sum(), given)
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("backend", ["naive", "parallel", "cpu"])
def test_a_shut_forget_gate_lets_nothing_pass(backend: str) -> None:
    torch.manual_seed(0)
    given = [torch.randn(1, 2, 100, 4) for _ in range(3)]
    given += [torch.randn(1, 2, 100), torch.randn(1, 2, 100)]
    given[4][..., 40] = -torch.inf
    h = mlstm(*given, backend=backend)
    late = mlstm(*(x[:, :, 40:] for x in given), backend=backend)
    torch.testing.assert_close(h[:, :, 40:], late)


@pytest.mark.parametrize("backend", ["naive", "parallel", "cpu"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seq_idx": torch.tensor([[0, 0, 1, 1, 1, 0, 0]])},
        {"input_gate": "sigmoid"},
        {"input_gate": "sigmoid", "normalize": False},
        {"i": 300.0},
    ],
    ids=["exp", "packed", "sigmoid", "not normalized", "far apart"],
)
def test_gradients_are_the_numeric_ones(options: dict[str, Any], backend: str) -> None:
    torch.manual_seed(0)
    L, K, V = 7, 2, 3
    widths = ((L, K), (L, K), (L, V), (L,), (L,), (K, V), (K,), ())
    given = [torch.randn(1, 1, *width, dtype=torch.float64) for width in widths]
    options = dict(options)
    # Steps of hundreds take the way of one weight for each pair.
    given[3][..., 3:] += options.pop("i", 0.0)
    exponential = options.get("input_gate") != "sigmoid"

    def run(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        h, last = mlstm(
            *tensors[:5],
            initial_state=MLSTMState(*tensors[5:]),
            return_last_state=True,
            eps=0.0,
            chunk_size=3,
            backend=backend,
            **options,
        )
        # Far apart, m alone is too large for differences of 1e-6.
        return (h, *last) if exponential and "i" not in options else (h, last.C, last.n)

    assert torch.autograd.gradcheck(run, [x.requires_grad_() for x in given])


@pytest.mark.parametrize("backend", ["parallel", "cpu"])
def test_gradients_of_both_directions_are_the_numeric_ones(backend: str) -> None:
    torch.manual_seed(0)
    shapes = ((1, 2, 6, 2), (1, 2, 6, 2), (1, 2, 6, 3), (1, 2, 6), (1, 2, 6), (1, 2, 6))
    given = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    seq_idx = torch.tensor([[0, 0, 0, 1, 1, 2]])

    def run(*tensors: torch.Tensor) -> torch.Tensor:
        return mlstm_bidirectional(
            *tensors[:5], f_reverse=tensors[5], eps=0.0, seq_idx=seq_idx, backend=backend
        )

    assert torch.autograd.gradcheck(run, given)
