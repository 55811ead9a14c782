"""Every mLSTM back end gives the recurrence's values, states and gradients."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from biosequence.kernels.mlstm import MLSTMState, mlstm
from biosequence.kernels.mlstm.cpu import mlstm_chunkwise

pytestmark = pytest.mark.usefixtures("both_ways")

BACKENDS = ("parallel", "cpu")
LENGTHS = (1, 63, 64, 65, 250)
B, H, K, V = 2, 2, 8, 6


def sample(length: int, *, spread: float = 1.0, forget: float = 2.0, seed: int = 0) -> list:
    """q, k, v, i, f and a state, fp32, in this order."""
    torch.manual_seed(seed)
    gates = [torch.randn(B, H, length) * spread for _ in range(2)]
    inputs = [torch.randn(B, H, length, width) for width in (K, K, V)]
    state = [torch.randn(B, H, K, V), torch.randn(B, H, K), torch.randn(B, H)]
    return [*inputs, gates[0], gates[1] + forget, *state]


def documents(length: int) -> torch.Tensor:
    """Documents of many lengths, other ones in each row; numbers come back after a while."""
    torch.manual_seed(length)
    return (torch.rand(B, length) < 0.1).cumsum(-1) % 3


def results(
    tensors: list[torch.Tensor], dtype: torch.dtype, *, norm: bool = False, **options: Any
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Outputs (h, C, n, m) and the gradients of a random sum of them."""
    given = [tensor.to(dtype).requires_grad_() for tensor in tensors]
    state = MLSTMState(*given[5:]) if len(given) > 5 else None
    h, last = mlstm(*given[:5], initial_state=state, return_last_state=True, **options)
    seen = torch.nn.functional.layer_norm(h, h.shape[-1:]) if norm else h
    # The unit m is the user's too; with the sigmoid gate it is 0 and has no gradient.
    parts = [seen, *last] if last.m.requires_grad else [seen, last.C, last.n]
    torch.manual_seed(1)
    aim = sum((part * torch.randn(part.shape).to(dtype)).sum() for part in parts)
    found = torch.autograd.grad(aim, given, allow_unused=True)
    slopes = [
        torch.zeros_like(tensor) if slope is None else slope
        for tensor, slope in zip(given, found, strict=True)
    ]
    return [h, *last], slopes


def assert_like_reference(
    tensors: list[torch.Tensor], backend: str, *, within: float = 2e-5, **options: Any
) -> None:
    wanted = results(tensors, torch.float64, backend="naive", eps=0.0, **options)
    found = results(tensors, torch.float32, backend=backend, eps=0.0, **options)
    for ours, reference in zip(sum(found, []), sum(wanted, []), strict=True):
        assert ours.dtype == torch.float32
        size = float(reference.detach().abs().max().clamp(min=1))
        torch.testing.assert_close(ours.double(), reference, rtol=0, atol=within * size)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", LENGTHS)
def test_values_states_and_gradients(length: int, backend: str) -> None:
    assert_like_reference(sample(length), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", [1, 65])
def test_without_a_given_state(length: int, backend: str) -> None:
    assert_like_reference(sample(length)[:5], backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("norm", [False, True])
def test_gradients_raw_and_behind_a_norm_of_each_head(norm: bool, backend: str) -> None:
    assert_like_reference(sample(150, forget=4.0), backend, norm=norm, within=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("normalize", [True, False])
def test_sigmoid_input_gate(normalize: bool, backend: str) -> None:
    options = {"input_gate": "sigmoid", "normalize": normalize}
    assert_like_reference(sample(150), backend, **options)
    assert_like_reference(sample(150), backend, seq_idx=documents(150), **options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", LENGTHS)
def test_packed_documents(length: int, backend: str) -> None:
    assert_like_reference(sample(length), backend, seq_idx=documents(length))


@pytest.mark.parametrize("chunk_size", [1, 7, 64, 100, 500])
def test_any_chunk_size(chunk_size: int) -> None:
    assert_like_reference(sample(130), "cpu", chunk_size=chunk_size)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("spread", "forget"), [(5.0, 0.0), (20.0, 0.0), (1.0, -8.0)])
def test_gates_too_far_apart_for_row_and_column_factors(
    spread: float, forget: float, packed: bool
) -> None:
    seq_idx = documents(130) if packed else None
    tensors = sample(130, spread=spread, forget=forget)
    assert_like_reference(tensors, "cpu", within=2e-4, seq_idx=seq_idx)


@pytest.mark.parametrize(("K", "V"), [(1, 1), (40, 70), (70, 33)])
def test_any_widths(K: int, V: int) -> None:
    torch.manual_seed(0)
    tensors = [torch.randn(B, H, 70, width) for width in (K, K, V)]
    tensors += [torch.randn(B, H, 70), torch.randn(B, H, 70) + 2]
    tensors += [torch.randn(B, H, K, V), torch.randn(B, H, K), torch.randn(B, H)]
    assert_like_reference(tensors, "cpu", within=1e-4)


def test_a_long_memory_keeps_its_digits() -> None:
    # The divisor is what is left of sums that nearly cancel, over hundreds of positions.
    assert_like_reference(sample(1000, forget=8.0)[:5], "cpu")


def test_a_call_without_gradients_gives_the_same() -> None:
    tensors = [x.requires_grad_() for x in sample(150)[:5]]
    wanted, last = mlstm(*tensors, return_last_state=True, backend="cpu")
    with torch.no_grad():
        h, state = mlstm(*tensors, return_last_state=True, backend="cpu")
    for one, other in zip((h, *state), (wanted, *last), strict=True):
        assert torch.equal(one, other)


def test_threads_share_the_heads_and_the_result_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("biosequence.kernels.parallel.LEAST_WORK", 0)
    tensors = [x.requires_grad_() for x in sample(150)]
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        h = mlstm(*tensors[:5], initial_state=MLSTMState(*tensors[5:]), backend="cpu")
        found.append([h, *torch.autograd.grad(h.sum(), tensors)])
    torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_a_value_that_is_no_number_is_seen_from_there_on() -> None:
    q, k, v, i, f = sample(150)[:5]
    v[0, 0, 70] = torch.nan
    h = mlstm(q, k, v, i, f, backend="cpu")
    assert torch.isnan(h[0, 0, 70:]).all()
    assert not torch.isnan(h[0, 0, :64]).any()
    assert not torch.isnan(h[0, 1]).any()
    assert not torch.isnan(h[1]).any()


def test_many_runs_give_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # By the module's entry: as an attribute, `mlstm` is the function.
    monkeypatch.setattr(sys.modules[mlstm_chunkwise.__module__], "PAIRS", 1)
    assert_like_reference(sample(130), "cpu", chunk_size=16)


def test_unusual_strides_are_fine() -> None:
    tensors = sample(65)
    turned = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in tensors[:5]]
    wanted = mlstm(*tensors[:5], backend="cpu")
    torch.testing.assert_close(mlstm(*turned, backend="cpu"), wanted)
    narrow = [x[:, :1].expand(-1, 3, *[-1] * (x.dim() - 2)) for x in tensors[:5]]
    wanted = mlstm(*(x.contiguous() for x in narrow), backend="cpu")
    torch.testing.assert_close(mlstm(*narrow, backend="cpu"), wanted)


def test_bfloat16_in_and_out_with_an_fp32_state() -> None:
    tensors = [x.bfloat16().requires_grad_() for x in sample(65)[:5]]
    for backend in ("naive", "parallel", "cpu"):
        h, state = mlstm(*tensors, return_last_state=True, backend=backend)
        assert (h.dtype, state.C.dtype, state.m.dtype) == (torch.bfloat16, *[torch.float32] * 2)
        wanted = mlstm(*(x.detach().float() for x in tensors), backend="naive")
        torch.testing.assert_close(h.float(), wanted, rtol=1e-2, atol=1e-2)
        slopes = torch.autograd.grad(h.float().sum() + state.C.sum(), tensors)
        assert {slope.dtype for slope in slopes} == {torch.bfloat16}


def test_the_gradient_includes_the_divisor() -> None:
    # With it, the length of a query does not matter: it cancels. Published kernels leave it out.
    q, k, v, i, f = (x.double() for x in sample(64, forget=4.0)[:5])
    q.requires_grad_()
    h = mlstm(q, k, v, i + 20, f, eps=0.0, backend="cpu")
    (slope,) = torch.autograd.grad((h * torch.randn_like(h)).sum(), q)
    along = (slope * q).sum(-1).abs().max()
    assert along.item() < 1e-8 * (slope.norm(dim=-1) * q.norm(dim=-1)).max().item()


def test_torch_compile_can_follow_it() -> None:
    given = [x.requires_grad_() for x in sample(70)[:5]]
    followed = torch.compile(lambda *x: mlstm(*x, backend="cpu") * 2, backend="eager")(*given)
    wanted = mlstm(*given, backend="cpu") * 2
    torch.testing.assert_close(followed, wanted, rtol=1e-4, atol=1e-4)
    slopes = torch.autograd.grad(followed.sum(), given)
    for one, other in zip(slopes, torch.autograd.grad(wanted.sum(), given), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_gradients_can_be_asked_for_twice() -> None:
    given = [x.requires_grad_() for x in sample(40)[:5]]
    h = mlstm(*given, backend="cpu").sum()
    first = torch.autograd.grad(h, given, retain_graph=True)
    for one, other in zip(first, torch.autograd.grad(h, given), strict=True):
        assert torch.equal(one, other)


def test_inputs_and_states_are_left_as_they_are() -> None:
    tensors = sample(65)
    before = [tensor.clone() for tensor in tensors]
    for backend in ("naive", "parallel", "cpu"):
        mlstm(*tensors[:5], initial_state=MLSTMState(*tensors[5:]), backend=backend)
        assert all(map(torch.equal, tensors, before))


def test_the_fastest_that_can_run_it_is_the_default() -> None:
    tensors = sample(65)[:5]
    assert torch.equal(mlstm(*tensors), mlstm_chunkwise(*tensors))
