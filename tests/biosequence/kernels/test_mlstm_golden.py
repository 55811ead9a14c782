"""The mLSTM agrees with the published recurrence, in value, state and every gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from biosequence.kernels.mlstm import MLSTMState, mlstm, mlstm_step

BACKENDS = ("naive", "parallel", "cpu")
INPUTS = ("q", "k", "v", "i", "f")


def cases(path: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Tensors of each case of a file in fp64, inputs and outputs side by side."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in load_file(path).items():
        _, *case, name = key.split("/")
        found.setdefault("/".join(case), {})[name] = tensor.double()
    return found


def inputs_of(case: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """q, k, v and the gates, whose last axis of length 1 the published code carries along."""
    given = {name: case[name].clone() for name in INPUTS}
    given["i"], given["f"] = given["i"].squeeze(-1), given["f"].squeeze(-1)
    return {name: tensor.requires_grad_() for name, tensor in given.items()}


def assert_like_published(case: dict[str, torch.Tensor], backend: str) -> None:
    given = inputs_of(case)
    h, state = mlstm(*given.values(), eps=0.0, return_last_state=True, backend=backend)
    grads = torch.autograd.grad((h * case["dh"]).sum(), list(given.values()))
    torch.testing.assert_close(h, case["h_eps0"], rtol=1e-9, atol=1e-9)
    for name, grad in zip(given, grads, strict=True):
        wanted = case[f"grad_eps0_{name}"]
        close = 1e-9 * float(wanted.abs().max().clamp(min=1))
        torch.testing.assert_close(grad.view_as(wanted), wanted, rtol=1e-7, atol=close)
    # The published state holds 1/sqrt(K), ours leaves it to the query.
    scale = given["q"].shape[-1] ** 0.5
    unit = torch.exp(state.m - case["m"].flatten(2).squeeze(-1))
    torch.testing.assert_close(state.C * unit[..., None, None], case["C"] * scale)
    torch.testing.assert_close(state.n * unit[..., None], case["n"].squeeze(-1) * scale)


@pytest.mark.parametrize("backend", BACKENDS)
def test_short_cases_agree(golden: Path, backend: str) -> None:
    found = cases(golden / "cell_mlstm_short.a.safetensors")
    assert len(found) == 3
    for case in found.values():
        assert_like_published(case, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["cell_mlstm_short", "cell_mlstm_long"])
def test_all_shared_cases_agree(shared: Path, name: str, backend: str) -> None:
    for case in cases(shared / f"golden/{name}.a.safetensors").values():
        assert_like_published(case, backend)


def test_the_published_epsilon_is_the_default(golden: Path) -> None:
    for case in cases(golden / "cell_mlstm_short.a.safetensors").values():
        given = inputs_of(case)
        h = mlstm(*given.values(), backend="naive")
        torch.testing.assert_close(h, case["h_recurrent"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_given_state_and_the_gradients_through_both_states_agree(
    golden: Path, backend: str
) -> None:
    (case,) = cases(golden / "cell_mlstm_initial_state.a.safetensors").values()
    given = inputs_of(case)
    scale = given["q"].shape[-1] ** 0.5
    start = {
        "C0": case["C0"],
        "n0": case["n0"].squeeze(-1),
        "m0": case["m0"].flatten(1),
    }
    start = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    first = MLSTMState(start["C0"] * scale, start["n0"] * scale, start["m0"])
    h, last = mlstm(
        *given.values(), initial_state=first, return_last_state=True, eps=0.0, backend=backend
    )
    torch.testing.assert_close(h, case["h_eps0"], rtol=1e-9, atol=1e-9)
    plain_C = last.C * torch.exp(last.m)[..., None, None] / scale
    plain_n = last.n * torch.exp(last.m)[..., None] / scale
    aim = (h * case["dh"]).sum() + (plain_C * case["dC"]).sum()
    aim = aim + (plain_n * case["dn"].squeeze(-1)).sum()
    wanted = [*given, *start]
    grads = torch.autograd.grad(aim, [*given.values(), *start.values()])
    for name, grad in zip(wanted, grads, strict=True):
        published = case[f"grad_{name}"]
        torch.testing.assert_close(grad.view_as(published), published, rtol=1e-7, atol=1e-9)


def test_steps_give_the_published_output(golden: Path) -> None:
    case = cases(golden / "cell_mlstm_short.a.safetensors")["len33_dk8_dv12_moderate"]
    q, k, v, i, f = (tensor.detach() for tensor in inputs_of(case).values())
    state = MLSTMState.zeros(1, 1, 8, 12, dtype=torch.float64)
    for t in range(33):
        h, state = mlstm_step(
            q[:, :, t], k[:, :, t], v[:, :, t], i[:, :, t], f[:, :, t], state=state, eps=0.0
        )
        torch.testing.assert_close(h, case["h_eps0"][:, :, t], rtol=1e-9, atol=1e-9)
