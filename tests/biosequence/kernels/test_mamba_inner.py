"""The inner part of a Mamba mixer is its pieces one after the other, however it is computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.kernels import backends, mamba_inner

NAMES = [name for name, reason in backends()["mamba_inner"] if not reason and name != "naive"]
OPTIONAL = ("conv_bias", "dt_bias", "D", "out_bias")


def make(
    length: int = 9,
    channels: int = 6,
    state: int = 3,
    rank: int = 2,
    window: int = 4,
    width: int = 5,
    batch: int = 2,
    without: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> dict[str, Any]:
    """Random arguments of a call, all of which want their gradient."""
    generator = torch.Generator().manual_seed(length + channels)

    def draw(*shape: int) -> torch.Tensor:
        scale = shape[-1] ** -0.5 if len(shape) == 2 else 1.0
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * scale

    tensors = {
        "xz": draw(batch, length, 2 * channels),
        "conv_weight": draw(channels, window),
        "conv_bias": draw(channels),
        "x_proj": draw(rank + 2 * state, channels),
        "dt_proj": draw(channels, rank),
        "dt_bias": draw(channels),
        "A": -draw(channels, state).exp(),
        "D": draw(channels),
        "out_proj": draw(width, channels),
        "out_bias": draw(width),
    }
    return {
        name: None if name in without else tensor.to(dtype).requires_grad_()
        for name, tensor in tensors.items()
    }


def run(backend: str, given: dict[str, Any], **options: Any) -> dict[str, torch.Tensor]:
    """Output and every gradient of a random weighted sum."""
    given = {n: None if x is None else x.detach().requires_grad_() for n, x in given.items()}
    y = mamba_inner(**given, **options, backend=backend)
    present = {name: tensor for name, tensor in given.items() if tensor is not None}
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
    grads = torch.autograd.grad((y * dy).sum(), list(present.values()))
    return {"y": y.detach()} | dict(zip(present, grads, strict=True))


def assert_close(found: dict, wanted: dict, tolerance: float = 1e-5) -> None:
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        scale = max(1.0, float(tensor.abs().max()))
        error = float((found[name].double() - tensor.double()).abs().max()) / scale
        assert error <= tolerance, f"{name}: {error:.1e}"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize(
    ("shape", "without"),
    [
        ({}, ()),
        ({"length": 1}, ("D",)),
        ({"length": 63, "channels": 64, "state": 16, "rank": 4}, ("conv_bias",)),
        ({"length": 65, "channels": 70, "rank": 1, "state": 1}, ("out_bias",)),
        ({"length": 129, "channels": 300, "batch": 1, "window": 1}, ("dt_bias",)),
        ({"length": 37, "batch": 3, "window": 3}, OPTIONAL),
        ({"length": 128, "channels": 256, "state": 8, "width": 128, "batch": 1}, ()),
    ],
    ids=str,
)
def test_values_and_gradients_are_those_of_the_pieces_in_double_precision(
    backend: str, shape: dict[str, int], without: tuple[str, ...], packed: bool
) -> None:
    given = make(**shape, without=without)
    seq_idx = torch.arange(given["xz"].shape[1]).expand(len(given["xz"]), -1) // 7
    options = {"seq_idx": seq_idx} if packed else {}
    exact = {name: None if x is None else x.double() for name, x in given.items()}
    assert_close(run(backend, given, **options), run("naive", exact, **options))


@pytest.mark.parametrize("backend", ["pieces", "naive"])
@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_those_of_the_function(backend: str, packed: bool) -> None:
    given = make(5, 2, 2, 1, dtype=torch.float64)
    seq_idx = torch.tensor([[0, 0, 1, 1, 2], [0, 0, 0, 0, 0]]) if packed else None

    def function(*tensors: torch.Tensor) -> torch.Tensor:
        named = dict(zip(given, tensors, strict=True))
        return mamba_inner(**named, seq_idx=seq_idx, backend=backend)

    assert torch.autograd.gradcheck(function, tuple(given.values()))


@pytest.mark.parametrize("backend", NAMES)
def test_documents_in_a_row_are_what_they_are_alone(backend: str) -> None:
    given = make(12, batch=1)
    seq_idx = torch.tensor([[0] * 5 + [1] * 7])
    together = mamba_inner(**given, seq_idx=seq_idx, backend=backend)
    parts = given["xz"].split((5, 7), dim=1)
    alone = [mamba_inner(**given | {"xz": part}, backend=backend) for part in parts]
    torch.testing.assert_close(together, torch.cat(alone, 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", NAMES)
def test_weights_that_do_not_learn_get_no_gradient_and_change_no_other(backend: str) -> None:
    given = make()
    wanted = run(backend, given)
    for name in given:
        one = {n: x.detach().requires_grad_(n == name) for n, x in given.items()}
        y = mamba_inner(**one, backend=backend)
        dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
        y.backward(dy)
        torch.testing.assert_close(one[name].grad, wanted[name], atol=1e-5, rtol=1e-5)
        assert all(x.grad is None for n, x in one.items() if n != name)


def test_the_same_without_gradients_and_from_any_strides() -> None:
    given = make()
    y = mamba_inner(**given)
    with torch.no_grad():
        assert torch.equal(mamba_inner(**given), y)
    strided = given["xz"].transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(mamba_inner(**given | {"xz": strided}), y)


def test_other_types_run_in_pieces() -> None:
    given = make(dtype=torch.float64)
    assert mamba_inner(**given).dtype == torch.float64
    with pytest.raises(UsageError, match="a tensor holds torch.float64"):
        mamba_inner(**given, backend="cpu")
    halved = {name: tensor.bfloat16() for name, tensor in given.items()}
    y = mamba_inner(**halved)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.double(), mamba_inner(**given), atol=0.1, rtol=0.1)


def test_nan_comes_out_where_it_went_in_and_after() -> None:
    given = make(batch=1)
    with torch.no_grad():
        given["xz"][0, 4, 0] = torch.nan
    y = mamba_inner(**given)
    assert y[0, :4].isfinite().all() and y[0, 4:].isnan().all()


@pytest.mark.parametrize(
    ("name", "shape"), [("xz", (2, 9, 11)), ("x_proj", (7, 6)), ("out_bias", (4,)), ("D", (5,))]
)
def test_a_wrong_shape_is_named(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=f"`{name}` has the shape"):
        mamba_inner(**make() | {name: torch.zeros(shape)})
