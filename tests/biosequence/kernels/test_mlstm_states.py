"""However a sequence is cut, the mLSTM gives the same numbers."""

from __future__ import annotations

import pytest
import torch

from biosequence.kernels.mlstm import MLSTMState, mlstm, mlstm_step

pytestmark = pytest.mark.usefixtures("both_ways")

LENGTHS = (1, 63, 64, 65, 250)
CLOSE = {"rtol": 0.0, "atol": 1e-4}
B, H, K, V = 2, 2, 16, 12


def sample(length: int) -> list[torch.Tensor]:
    torch.manual_seed(length)
    q, k, v = (torch.randn(B, H, length, width) for width in (K, K, V))
    return [q, k, v, torch.randn(B, H, length), torch.randn(B, H, length) + 3]


def assert_same_state(one: MLSTMState, other: MLSTMState) -> None:
    """The same memory, whatever unit it is in."""
    unit = torch.exp(other.m - one.m)
    torch.testing.assert_close(one.C, other.C * unit[..., None, None], **CLOSE)
    torch.testing.assert_close(one.n, other.n * unit[..., None], **CLOSE)


@pytest.mark.parametrize("gate", ["exp", "sigmoid"])
@pytest.mark.parametrize("length", LENGTHS)
def test_steps_parts_and_the_whole_agree(length: int, gate: str) -> None:
    inputs = sample(length)
    whole, last = mlstm(*inputs, return_last_state=True, input_gate=gate)
    wanted, reference = mlstm(*inputs, return_last_state=True, input_gate=gate, backend="naive")
    torch.testing.assert_close(whole, wanted, **CLOSE)
    assert_same_state(last, reference)

    state, found = MLSTMState.zeros(B, H, K, V), []
    for t in range(length):
        h, state = mlstm_step(*(x[:, :, t] for x in inputs), state=state, input_gate=gate)
        found.append(h)
    torch.testing.assert_close(torch.stack(found, 2), whole, **CLOSE)
    assert_same_state(last, state)

    state, found = None, []
    for start in range(0, length, 37):
        part = [x[:, :, start : start + 37] for x in inputs]
        h, state = mlstm(*part, initial_state=state, return_last_state=True, input_gate=gate)
        found.append(h)
    torch.testing.assert_close(torch.cat(found, 2), whole, **CLOSE)
    assert_same_state(last, state)


def test_gradients_go_through_a_cut() -> None:
    inputs = [x.double().requires_grad_() for x in sample(100)]
    torch.manual_seed(0)
    weight = torch.randn(B, H, 100, V, dtype=torch.float64)
    wanted = torch.autograd.grad((mlstm(*inputs, eps=0.0) * weight).sum(), inputs)
    first, state = mlstm(*(x[:, :, :41] for x in inputs), return_last_state=True, eps=0.0)
    second = mlstm(*(x[:, :, 41:] for x in inputs), initial_state=state, eps=0.0)
    h = torch.cat([first, second], 2)
    for one, other in zip(torch.autograd.grad((h * weight).sum(), inputs), wanted, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("gate", ["exp", "sigmoid"])
@pytest.mark.parametrize("backend", ["naive", "parallel", "cpu"])
def test_packed_documents_are_as_if_alone(backend: str, gate: str) -> None:
    options = {"backend": backend, "return_last_state": True, "input_gate": gate}
    lengths = (1, 70, 1, 64, 114)
    inputs = sample(250)
    seq_idx = torch.repeat_interleave(torch.tensor([4, 0, 7, 0, 1]), torch.tensor(lengths))
    packed, last = mlstm(*inputs, seq_idx=seq_idx.expand(B, -1), **options)
    parts = [x.split(lengths, 2) for x in inputs]
    alone = [mlstm(*document, **options) for document in zip(*parts, strict=True)]
    torch.testing.assert_close(packed, torch.cat([h for h, _ in alone], 2), **CLOSE)
    assert_same_state(alone[-1][1], last)


@pytest.mark.parametrize("backend", ["naive", "parallel", "cpu"])
def test_a_given_state_belongs_to_the_first_document(backend: str) -> None:
    inputs = sample(80)
    torch.manual_seed(0)
    state = MLSTMState(torch.randn(B, H, K, V), torch.randn(B, H, K), torch.randn(B, H))
    seq_idx = (torch.arange(80) >= 50).long().expand(B, -1)
    packed = mlstm(*inputs, initial_state=state, seq_idx=seq_idx, backend=backend)
    first = mlstm(*(x[:, :, :50] for x in inputs), initial_state=state, backend=backend)
    second = mlstm(*(x[:, :, 50:] for x in inputs), backend=backend)
    torch.testing.assert_close(packed, torch.cat([first, second], 2), **CLOSE)
