"""The sLSTM's back ends agree, however a sequence is cut, and its gradients are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.kernels.slstm import SLSTMState, slstm, slstm_step

LENGTHS = (1, 63, 64, 65, 250)
B, H, D = 2, 2, 6


def sample(length: int, spread: float = 1.0) -> list[torch.Tensor]:
    """x, recurrent, bias and a state, fp32."""
    torch.manual_seed(length)
    x, recurrent = torch.randn(B, length, 4, H, D) * spread, torch.randn(4, H, D, D) / 2
    y, c, m = (torch.randn(B, H, D) for _ in range(3))
    return [x, recurrent, torch.randn(4, H, D), y, c, torch.rand(B, H, D) + 0.1, m]


def documents(length: int) -> torch.Tensor:
    torch.manual_seed(length)
    return (torch.rand(B, length) < 0.1).cumsum(-1) % 3


def results(tensors: list, dtype: torch.dtype, **options: Any) -> list[torch.Tensor]:
    """Outputs and the gradients of a random sum of them."""
    given = [tensor.to(dtype).requires_grad_() for tensor in tensors]
    state = SLSTMState(*given[3:]) if len(given) > 3 else None
    y, last = slstm(*given[:3], initial_state=state, return_last_state=True, **options)
    torch.manual_seed(1)
    aim = sum((part * torch.randn(part.shape).to(dtype)).sum() for part in (y, *last))
    return [y, *last, *torch.autograd.grad(aim, given)]


def assert_like_reference(tensors: list, within: float = 1e-5, **options: Any) -> None:
    wanted = results(tensors, torch.float64, backend="naive", **options)
    for ours, reference in zip(
        results(tensors, torch.float32, backend="cpu", **options), wanted, strict=True
    ):
        size = reference.detach().abs().max().clamp(min=1).item()
        torch.testing.assert_close(ours.double(), reference, rtol=0, atol=within * size)


@pytest.mark.parametrize("length", LENGTHS)
def test_values_states_and_gradients(length: int) -> None:
    assert_like_reference(sample(length))


def test_without_a_given_state() -> None:
    assert_like_reference(sample(65)[:3])


@pytest.mark.parametrize("length", LENGTHS)
def test_packed_documents_in_both_back_ends(length: int) -> None:
    assert_like_reference(sample(length), seq_idx=documents(length))


def test_several_threads_give_what_one_does() -> None:
    threads = torch.get_num_threads()
    wanted = results(sample(65), torch.float32, backend="cpu")
    try:
        torch.set_num_threads(3)
        found = results(sample(65), torch.float32, backend="cpu")
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_extreme_gates_are_finite(backend: str) -> None:
    for level in (-1000.0, -60.0, 60.0, 1000.0):
        for gate in range(4):
            tensors = [*sample(40, spread=20.0)[:3]]
            tensors[0][:, 10:, gate] = level
            found = results(tensors, torch.float32, backend=backend)
            assert all(torch.isfinite(x).all() for x in found)


def test_a_nan_comes_out_as_nan() -> None:
    x, recurrent, bias = sample(20)[:3]
    for gate in range(4):
        spoiled = x.clone()
        spoiled[:, 7, gate] = torch.nan
        y = slstm(spoiled, recurrent, bias, backend="cpu")
        assert torch.isfinite(y[:, :7]).all()
        assert torch.isnan(y[:, 7:]).all()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_steps_parts_and_the_whole_agree(backend: str) -> None:
    x, recurrent, bias = sample(250)[:3]
    whole, last = slstm(x, recurrent, bias, return_last_state=True, backend=backend)
    state, found = SLSTMState.zeros(B, H, D), []
    for t in range(250):
        y, state = slstm_step(x[:, t], recurrent, bias, state=state)
        found.append(y)
    torch.testing.assert_close(torch.stack(found, 1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.stack(state), torch.stack(last), rtol=1e-4, atol=1e-5)
    first, state = slstm(x[:, :99], recurrent, bias, return_last_state=True, backend=backend)
    second = slstm(x[:, 99:], recurrent, bias, initial_state=state, backend=backend)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_packed_documents_are_as_if_alone(backend: str) -> None:
    x, recurrent, bias = sample(120)[:3]
    lengths = (1, 70, 1, 48)
    seq_idx = torch.repeat_interleave(torch.tensor([4, 0, 7, 0]), torch.tensor(lengths))
    packed = slstm(x, recurrent, bias, seq_idx=seq_idx.expand(B, -1), backend=backend)
    alone = [slstm(part, recurrent, bias, backend=backend) for part in x.split(lengths, 1)]
    torch.testing.assert_close(packed, torch.cat(alone, 1), rtol=0, atol=1e-5)


def test_an_empty_row_does_not_wait_for_a_full_one() -> None:
    # The published code asks whether every cell of the batch is empty.
    x, recurrent, bias, *state = sample(30)
    for part in state:
        part[0] = 0.0
    both = slstm(x, recurrent, bias, initial_state=SLSTMState(*state))
    alone = slstm(x[:1], recurrent, bias)
    torch.testing.assert_close(both[:1], alone)


@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_the_numeric_ones(packed: bool) -> None:
    given = [x[:1].double() if x.shape[0] == B else x.double() for x in sample(5)]
    given = [x[..., :1, :3] if x.dim() != 4 else x[:, :1, :3, :3] for x in given]
    given = [x.clone().requires_grad_() for x in given]
    seq_idx = torch.tensor([[0, 0, 1, 1, 1]]) if packed else None

    def run(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        state = SLSTMState(*tensors[3:])
        y, last = slstm(*tensors[:3], initial_state=state, return_last_state=True, seq_idx=seq_idx)
        return y, *last

    assert torch.autograd.gradcheck(run, given)


def test_bfloat16_in_and_out_with_an_fp32_state() -> None:
    x, recurrent, bias = (tensor.bfloat16().requires_grad_() for tensor in sample(40)[:3])
    for backend in ("naive", "cpu"):
        y, state = slstm(x, recurrent, bias, return_last_state=True, backend=backend)
        assert (y.dtype, state.c.dtype) == (torch.bfloat16, torch.float32)
        slopes = torch.autograd.grad(y.float().sum(), [x, recurrent, bias])
        assert {slope.dtype for slope in slopes} == {torch.bfloat16}


def test_what_does_not_fit_is_named() -> None:
    x, recurrent, bias = sample(9)[:3]
    wrong = {
        "x": {"x": x[:, :, :3]},
        "recurrent": {"recurrent": recurrent[..., :5]},
        "bias": {"bias": bias[:3]},
        "seq_idx": {"seq_idx": torch.zeros(B, 8, dtype=torch.long)},
        "initial_state.y": {"initial_state": SLSTMState.zeros(B, H, D + 1)},
    }
    for name, changed in wrong.items():
        with pytest.raises(InputError, match=f"`{name}`"):
            slstm(**{"x": x, "recurrent": recurrent, "bias": bias} | changed)
    with pytest.raises(InputError, match=r"`state\.y`"):
        slstm_step(x[:, 0], recurrent, bias, state=SLSTMState.zeros(B, H, D + 1))
    with pytest.raises(UsageError, match="float64"):
        slstm(x.double(), recurrent, bias, backend="cpu")
