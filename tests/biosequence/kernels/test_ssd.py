"""State space duality gives the published numbers, and the same ones however it is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from biosequence.errors import InputError
from biosequence.kernels import backends, selective_scan, ssd, ssd_step

NAMES = [name for name, reason in backends()["ssd"] if not reason and name != "triton"]
TIMED = ("x", "dt", "B", "C", "z")
OPTIONAL = ("D", "z", "dt_bias", "initial_states")


def make(
    length: int = 7,
    heads: int = 4,
    size: int = 3,
    state: int = 5,
    groups: int = 2,
    without: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
    batch: int = 2,
    wide: bool = False,
) -> dict[str, Any]:
    """Random arguments of a call, all of which want their gradient."""
    generator = torch.Generator().manual_seed(length + heads)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    tensors = {
        "x": draw(batch, length, heads, size),
        "dt": draw(batch, length, heads),
        "A": -draw(heads).exp(),
        "B": draw(batch, length, groups, state),
        "C": draw(batch, length, groups, state),
        "D": draw(heads, size) if wide else draw(heads),
        "z": draw(batch, length, heads, size),
        "dt_bias": draw(heads),
        "initial_states": draw(batch, heads, size, state),
    }
    return {
        name: tensor.to(dtype).requires_grad_()
        for name, tensor in tensors.items()
        if name not in without
    }


def run(backend: str, given: dict[str, Any], **options: Any) -> dict[str, torch.Tensor]:
    """Output, final states and every gradient of a random weighted sum of both."""
    given = {name: tensor.detach().requires_grad_() for name, tensor in given.items()}
    options = {"dt_softplus": True, "return_final_states": True} | options
    y, state = ssd(**given, **options, backend=backend)
    generator = torch.Generator().manual_seed(1)
    dy, dstate = (torch.randn(t.shape, generator=generator).to(t.dtype) for t in (y, state))
    grads = torch.autograd.grad((y * dy).sum() + (state * dstate).sum(), list(given.values()))
    return {"y": y.detach(), "state": state.detach()} | dict(zip(given, grads, strict=True))


def assert_close(found: dict, wanted: dict, tolerance: float) -> None:
    for name, tensor in wanted.items():
        scale = max(1.0, float(tensor.abs().max()))
        error = float((found[name].detach().double() - tensor.double()).abs().max()) / scale
        assert error <= tolerance, f"{name}: {error:.1e}"


@pytest.mark.parametrize("case", ["len64_h2_p4_n4_blk16", "len32_h2_p4_n8_blk8_init"])
@pytest.mark.parametrize("backend", NAMES)
def test_published_values_and_gradients(golden: Path, backend: str, case: str) -> None:
    tensors = load_file(golden / "op_ssd.a.safetensors")
    given, wanted = (
        {name.rpartition("/")[2]: t for name, t in tensors.items() if name.startswith(prefix)}
        for prefix in (f"inputs/{case}/", f"outputs/{case}/")
    )
    given = {name: tensor.double() for name, tensor in given.items()}
    dy, dfinal = given.pop("dy"), given.pop("dfinal_state")
    given = {name: tensor.requires_grad_() for name, tensor in given.items()}
    options = {name: given[name] for name in ("x", "dt", "A", "B", "C")}
    if "initial_state" in given:
        options["initial_states"] = given["initial_state"][:, 0]
    y, final = ssd(**options, return_final_states=True, backend=backend)
    ((y * dy).sum() + (final * dfinal).sum()).backward()
    found = {"y": y, "final_state": final}
    found |= {f"grad_{name}": tensor.grad for name, tensor in given.items()}
    assert set(wanted) == set(found)
    assert_close(found, wanted, 1e-9)


@pytest.mark.parametrize("backend", [name for name in NAMES if name != "naive"])
@pytest.mark.parametrize(
    ("shape", "without", "options"),
    [
        ({"length": 1}, (), {}),
        ({"length": 63, "groups": 1}, ("z",), {}),
        ({"length": 64, "groups": 4}, ("D",), {"chunk_size": 16}),
        ({"length": 65, "wide": True}, ("initial_states",), {}),
        ({"length": 250, "heads": 6, "groups": 3}, OPTIONAL, {"chunk_size": 128}),
        ({"length": 30}, (), {"chunk_size": 1}),
        ({"length": 130, "batch": 1}, ("D", "z"), {"dt_limit": (0.1, 1.0)}),
        # So many heads that the chunks are worked on in more than one go.
        ({"length": 1100, "heads": 8, "size": 32, "groups": 1}, OPTIONAL, {"chunk_size": 64}),
    ],
    ids=str,
)
@pytest.mark.parametrize("packed", [False, True])
def test_equals_the_definition(
    backend: str, shape: dict, without: tuple, options: dict, packed: bool
) -> None:
    given = make(**shape, without=without)
    batch, length = given["x"].shape[:2]
    seq_idx = (torch.arange(length) // 20).expand(batch, length) if packed else None
    double = {name: tensor.detach().double() for name, tensor in given.items()}
    wanted = run("naive", double, seq_idx=seq_idx, **options)
    found = run(backend, given, seq_idx=seq_idx, **options)
    # With decays as fast as some of these the gradient of A is a small difference of large sums.
    assert_close({"A": found["A"]}, {"A": wanted.pop("A")}, 1e-4)
    assert_close(found, wanted, 1e-5)


@pytest.mark.parametrize("backend", [name for name in NAMES if name != "naive"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_chunk_may_forget_more_than_a_float_can_hold(backend: str, packed: bool) -> None:
    given = make(200, without=OPTIONAL)
    # One head loses exp(-160) in a chunk of the second half, the others next to nothing.
    steps = torch.full_like(given["dt"], 0.01)
    steps[:, 100:, 1] = 2.5
    given["dt"], given["A"] = steps, torch.full_like(given["A"], -1.0)
    seq_idx = (torch.arange(200) // 30).expand(2, 200) if packed else None
    options = {"seq_idx": seq_idx, "dt_softplus": False, "chunk_size": 64}
    double = {name: tensor.detach().double() for name, tensor in given.items()}
    wanted, found = run("naive", double, **options), run(backend, given, **options)
    assert_close({"A": found["A"]}, {"A": wanted.pop("A")}, 1e-2)
    assert_close(found, wanted, 1e-5)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_those_of_the_function(backend: str, packed: bool) -> None:
    given = make(5, 2, 2, 2, 1 + packed, dtype=torch.float64, batch=1)
    seq_idx = torch.tensor([[0, 0, 1, 1, 2]]) if packed else None

    def function(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return ssd(
            **dict(zip(given, tensors, strict=True)),
            chunk_size=2,
            dt_softplus=True,
            return_final_states=True,
            seq_idx=seq_idx,
            backend=backend,
        )

    assert torch.autograd.gradcheck(function, tuple(given.values()))


@pytest.mark.parametrize("backend", NAMES)
def test_packed_documents_equal_separate_ones(backend: str) -> None:
    given = make(length=90, batch=1)
    options = {"dt_softplus": True, "return_final_states": True, "backend": backend}
    cuts = [0, 17, 18, 64, 90]
    seq_idx = torch.repeat_interleave(torch.tensor([3, 1, 3, 0]), torch.tensor(cuts).diff())[None]
    whole, last = ssd(**given, **options, seq_idx=seq_idx, chunk_size=32)
    for number, (start, end) in enumerate(zip(cuts[:-1], cuts[1:], strict=True)):
        part = {
            name: tensor[:, start:end] if name in TIMED else tensor
            for name, tensor in given.items()
            if name != "initial_states" or number == 0
        }
        y, state = ssd(**part, **options)
        torch.testing.assert_close(whole[:, start:end], y, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last, state, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("length", [2, 63, 65, 250])
def test_split_with_states_and_single_steps_equal_the_whole(backend: str, length: int) -> None:
    given = make(length)
    options = {"dt_softplus": True, "dt_limit": (0.05, 2.0)}
    chunked = options | {"return_final_states": True, "backend": backend}
    whole, last = ssd(**given, **chunked)
    state, half = given.pop("initial_states"), length // 2
    first = {n: t[:, :half] if n in TIMED else t for n, t in given.items()}
    y, state = ssd(**first, initial_states=state, **chunked)
    parts = [y]
    for t in range(half, length):
        now = {n: v[:, t] if n in TIMED else v for n, v in given.items()}
        y, state = ssd_step(**now, **options, state=state)
        parts.append(y[:, None])
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=1e-5)


def test_is_the_selective_scan_with_one_rate_a_head() -> None:
    given = make(20, groups=1, without=OPTIONAL, dtype=torch.float64)
    batch, length, heads, size = given["x"].shape
    y = ssd(**given, dt_softplus=True)
    u = given["x"].reshape(batch, length, heads * size).transpose(1, 2)
    delta = given["dt"].repeat_interleave(size, 2).transpose(1, 2)
    A = given["A"].repeat_interleave(size)[:, None].expand(-1, given["B"].shape[-1])
    maps = (given[name][:, :, 0].transpose(1, 2) for name in ("B", "C"))
    wanted = selective_scan(u, delta, A, *maps, delta_softplus=True)
    torch.testing.assert_close(y.reshape(batch, length, -1).transpose(1, 2), wanted)


@pytest.mark.parametrize("backend", NAMES)
def test_sixteen_bits_in_and_out_with_a_state_of_32(backend: str) -> None:
    short = {name: tensor.detach().bfloat16() for name, tensor in make(70).items()}
    y, state = ssd(**short, dt_softplus=True, return_final_states=True, backend=backend)
    long = {name: tensor.float() for name, tensor in short.items()}
    wanted = ssd(**long, dt_softplus=True, backend="naive")
    assert (y.dtype, state.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(y.float(), wanted, atol=0.05, rtol=0.02)


@pytest.mark.parametrize("backend", NAMES)
def test_autocast_does_not_round_inside(backend: str) -> None:
    given = {name: tensor.detach() for name, tensor in make(70).items()}
    plain = run(backend, given)
    with torch.autocast("cpu", torch.bfloat16):
        under = run(backend, given)
    assert_close(under, plain, 1e-6)


@pytest.mark.parametrize("backend", NAMES)
def test_no_argument_is_changed(backend: str) -> None:
    given = {name: tensor.detach() for name, tensor in make(70).items()}
    before = {name: tensor.clone() for name, tensor in given.items()}
    ssd(**given, dt_softplus=True, backend=backend)
    assert all(torch.equal(given[name], before[name]) for name in given)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dt", (2, 7, 5)),
        ("A", (4, 1)),
        ("B", (2, 7, 5)),
        ("C", (2, 7, 1, 5)),
        ("D", (4, 2)),
        ("z", (2, 7, 4, 2)),
        ("dt_bias", (3,)),
        ("initial_states", (2, 4, 5, 3)),
    ],
)
def test_a_wrong_shape_names_its_argument(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=f"`{name}` has the shape"):
        ssd(**(make() | {name: torch.zeros(shape)}))


def test_wrong_chunks_are_named() -> None:
    with pytest.raises(InputError, match="`chunk_size` is 0"):
        ssd(**make(), chunk_size=0)
