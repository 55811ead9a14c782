"""The selective scan gives the published numbers, and the same ones however it is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from biosequence.errors import InputError, UsageError
from biosequence.kernels import backends, selective_scan, selective_scan_step

NAMES = [name for name, reason in backends()["selective_scan"] if not reason and name != "triton"]
DOUBLE = [name for name in NAMES if name != "cpu"]
CASES = [
    "len1_d4_n4_D_z_bias_softplus",
    "len65_d4_n8_D_z_bias_softplus",
    "len31_d4_n4_g2_D_bias_softplus",
    "len40_d6_n4_z",
]
OPTIONAL = ("D", "z", "delta_bias", "initial_state")


def make(
    length: int = 7,
    channels: int = 5,
    state: int = 3,
    groups: int = 0,
    without: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
    batch: int = 2,
) -> dict[str, Any]:
    """Random arguments of a call, all of which want their gradient."""
    generator = torch.Generator().manual_seed(length + channels)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    maps = (batch, groups, state, length) if groups else (batch, state, length)
    tensors = {
        "u": draw(batch, channels, length),
        "delta": draw(batch, channels, length),
        "A": -draw(channels, state).exp(),
        "B": draw(*maps),
        "C": draw(*maps),
        "D": draw(channels),
        "z": draw(batch, channels, length),
        "delta_bias": draw(channels),
        "initial_state": draw(batch, channels, state),
    }
    return {
        name: tensor.to(dtype).requires_grad_()
        for name, tensor in tensors.items()
        if name not in without
    }


def run(backend: str | None, given: dict[str, Any], **options: Any) -> dict[str, torch.Tensor]:
    """Output, last state and every gradient of a random weighted sum of both."""
    given = {name: tensor.detach().requires_grad_() for name, tensor in given.items()}
    options = {"delta_softplus": True, "return_last_state": True} | options
    y, state = selective_scan(**given, **options, backend=backend)
    generator = torch.Generator().manual_seed(1)
    dy, dstate = (torch.randn(t.shape, generator=generator).to(t.dtype) for t in (y, state))
    grads = torch.autograd.grad((y * dy).sum() + (state * dstate).sum(), list(given.values()))
    return {"y": y.detach(), "state": state.detach()} | dict(zip(given, grads, strict=True))


def assert_close(found: dict, wanted: dict, tolerance: float) -> None:
    for name, tensor in wanted.items():
        scale = max(1.0, float(tensor.abs().max()))
        error = float((found[name].detach().double() - tensor.double()).abs().max()) / scale
        assert error <= tolerance, f"{name}: {error:.1e}"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", NAMES)
def test_published_values_and_gradients(golden: Path, backend: str, case: str) -> None:
    tensors = load_file(golden / "op_selective_scan.a.safetensors")
    given = {
        name.rpartition("/")[2]: tensor
        for name, tensor in tensors.items()
        if name.startswith(f"inputs/{case}/")
    }
    wanted = {
        name.rpartition("/")[2]: tensor
        for name, tensor in tensors.items()
        if name.startswith(f"outputs/{case}/")
    }
    dtype, tolerance = (torch.float64, 1e-9) if backend in DOUBLE else (torch.float32, 5e-6)
    dout, dlast = given.pop("dout").to(dtype), given.pop("dlast_state").to(dtype)
    given = {name: tensor.to(dtype).requires_grad_() for name, tensor in given.items()}
    softplus = "softplus" in case
    out, last = selective_scan(
        **given, delta_softplus=softplus, return_last_state=True, backend=backend
    )
    ((out * dout).sum() + (last * dlast).sum()).backward()
    found = {"out": out, "last_state": last}
    found |= {f"grad_{name}": tensor.grad for name, tensor in given.items()}
    assert set(wanted) == set(found)
    assert_close(found, wanted, tolerance)


@pytest.mark.parametrize("backend", [name for name in NAMES if name != "naive"])
@pytest.mark.parametrize(
    ("shape", "without"),
    [
        ({"length": 1}, ()),
        ({"length": 63, "channels": 64, "state": 16}, ("z",)),
        ({"length": 64, "channels": 70}, ("D",)),
        ({"length": 65, "channels": 3, "state": 1}, ("initial_state",)),
        ({"length": 250, "channels": 12, "groups": 3}, OPTIONAL),
        ({"length": 9, "channels": 130, "groups": 2, "state": 5}, ("delta_bias",)),
        ({"length": 130, "channels": 6, "batch": 1}, ("D", "z")),
    ],
    ids=str,
)
@pytest.mark.parametrize("packed", [False, True])
def test_equals_the_definition(backend: str, shape: dict, without: tuple, packed: bool) -> None:
    given = make(**shape, without=without)
    batch, _, length = given["u"].shape
    seq_idx = (torch.arange(length) // 20).expand(batch, length) if packed else None
    double = {name: tensor.detach().double() for name, tensor in given.items()}
    wanted = run("naive", double, seq_idx=seq_idx)
    assert_close(run(backend, given, seq_idx=seq_idx), wanted, 5e-6)


@pytest.mark.parametrize("backend", DOUBLE)
@pytest.mark.parametrize("groups", [0, 2])
def test_gradients_are_those_of_the_function(backend: str, groups: int) -> None:
    given = make(3, 2, 2, groups, dtype=torch.float64, batch=1)
    seq_idx = torch.tensor([[0, 0, 1]])

    def function(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return selective_scan(
            **dict(zip(given, tensors, strict=True)),
            delta_softplus=True,
            return_last_state=True,
            seq_idx=seq_idx if groups else None,
            backend=backend,
        )

    assert torch.autograd.gradcheck(function, tuple(given.values()))


@pytest.mark.parametrize("backend", NAMES)
def test_packed_documents_equal_separate_ones(backend: str) -> None:
    given = make(length=90, batch=1)
    options = {"delta_softplus": True, "return_last_state": True, "backend": backend}
    cuts = [0, 17, 18, 64, 90]
    seq_idx = torch.repeat_interleave(torch.tensor([3, 1, 3, 0]), torch.tensor(cuts).diff())[None]
    whole, last = selective_scan(**given, **options, seq_idx=seq_idx)
    for number, (start, end) in enumerate(zip(cuts[:-1], cuts[1:], strict=True)):
        part = {
            name: tensor[..., start:end] if name in ("u", "delta", "B", "C", "z") else tensor
            for name, tensor in given.items()
            if name != "initial_state" or number == 0
        }
        y, state = selective_scan(**part, **options)
        torch.testing.assert_close(whole[..., start:end], y, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last, state, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("length", [2, 63, 65, 250])
def test_split_with_state_and_single_steps_equal_the_whole(backend: str, length: int) -> None:
    given = make(length)
    whole, last = selective_scan(
        **given, delta_softplus=True, return_last_state=True, backend=backend
    )
    state, parts = given.pop("initial_state"), []
    timed = ("u", "delta", "B", "C", "z")
    half = length // 2
    first = {n: t[..., :half] if n in timed else t for n, t in given.items()}
    y, state = selective_scan(
        **first, delta_softplus=True, initial_state=state, return_last_state=True, backend=backend
    )
    parts.append(y)
    for t in range(half, length):
        now = {n: v[..., t] if n in timed else v for n, v in given.items()}
        y, state = selective_scan_step(**now, delta_softplus=True, state=state)
        parts.append(y[..., None])
    torch.testing.assert_close(torch.cat(parts, -1), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", NAMES)
def test_sixteen_bits_in_and_out_with_a_state_of_32(backend: str) -> None:
    given = make(20)
    short = {name: tensor.detach().bfloat16() for name, tensor in given.items()}
    y, state = selective_scan(**short, delta_softplus=True, return_last_state=True, backend=backend)
    long = {name: tensor.float() for name, tensor in short.items()}
    wanted = selective_scan(**long, delta_softplus=True, backend="naive")
    assert (y.dtype, state.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(y.float(), wanted, atol=0.05, rtol=0.02)


@pytest.mark.parametrize("backend", NAMES)
def test_no_argument_is_changed(backend: str) -> None:
    given = {name: tensor.detach() for name, tensor in make(70).items()}
    before = {name: tensor.clone() for name, tensor in given.items()}
    selective_scan(**given, backend=backend)
    assert all(torch.equal(given[name], before[name]) for name in given)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("delta", (2, 5, 8)),
        ("A", (4, 3)),
        ("B", (2, 4, 7)),
        ("C", (2, 1, 3, 7)),
        ("D", (6,)),
        ("z", (2, 5)),
        ("delta_bias", (1,)),
        ("initial_state", (1, 5, 3)),
    ],
)
def test_a_wrong_shape_names_its_argument(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=f"`{name}` has the shape"):
        selective_scan(**(make() | {name: torch.zeros(shape)}))


def test_wrong_documents_and_groups_are_named() -> None:
    with pytest.raises(InputError, match="`seq_idx` has the shape"):
        selective_scan(**make(), seq_idx=torch.zeros(2, 6, dtype=torch.long))
    with pytest.raises(InputError, match="`seq_idx` holds torch.float32"):
        selective_scan(**make(), seq_idx=torch.zeros(2, 7))
    with pytest.raises(InputError, match="`B` has 2 groups"):
        selective_scan(**make(groups=2))


def test_an_unknown_back_end_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="Choose one of: .*naive"):
        selective_scan(**make(), backend="abacus")
