"""The sLSTM agrees with the published recurrence, in value, state and every gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from biosequence.kernels.slstm import SLSTMState, slstm, slstm_step

BACKENDS = ("naive",)


def cases(path: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Tensors of each case of a file, in fp64 and in our layout."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in load_file(path).items():
        _, case, name = key.split("/")
        found.setdefault(case, {})[name] = as_ours(name, tensor.double())
    return found


def as_ours(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Batch before length, and gates before heads."""
    swapped = ("Wx", "dy", "y", "grad_Wx", "R", "grad_R")
    return tensor.transpose(0, 1).contiguous() if name in swapped else tensor


def assert_like_published(case: dict[str, torch.Tensor], backend: str) -> None:
    given = {name: case[name].clone().requires_grad_() for name in ("Wx", "R", "bias")}
    start = None
    if "state0" in case:
        given["state0"] = case["state0"].clone().requires_grad_()
        start = SLSTMState(*given["state0"].unbind(0))
    y, last = slstm(
        given["Wx"],
        given["R"],
        given["bias"],
        initial_state=start,
        return_last_state=True,
        backend=backend,
    )
    torch.testing.assert_close(y, case["y"], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(torch.stack(last), case["state_final"], rtol=1e-9, atol=1e-12)
    grads = torch.autograd.grad((y * case["dy"]).sum(), list(given.values()))
    for name, grad in zip(given, grads, strict=True):
        torch.testing.assert_close(grad, case[f"grad_{name}"], rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("backend", BACKENDS)
def test_cases_agree(golden: Path, backend: str) -> None:
    found = cases(golden / "cell_slstm.a.safetensors")
    assert len(found) == 5
    for case in found.values():
        assert_like_published(case, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_long_case_agrees(shared: Path, backend: str) -> None:
    for case in cases(shared / "golden/cell_slstm_long.a.safetensors").values():
        assert_like_published(case, backend)


def test_steps_give_the_published_output(golden: Path) -> None:
    case = cases(golden / "cell_slstm.a.safetensors")["len65_h1_dh8_b2"]
    state = SLSTMState.zeros(2, 1, 8, dtype=torch.float64)
    for t in range(65):
        y, state = slstm_step(case["Wx"][:, t], case["R"], case["bias"], state=state)
        torch.testing.assert_close(y, case["y"][:, t], rtol=1e-9, atol=1e-12)
