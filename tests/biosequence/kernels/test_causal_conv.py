"""The causal convolution sees its own document's past and nothing else."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from biosequence.errors import InputError
from biosequence.kernels import backends, causal_conv1d, causal_conv1d_step

NAMES = [name for name, reason in backends()["causal_conv1d"] if not reason and name != "triton"]


def make(length: int = 9, channels: int = 6, width: int = 4, dtype: torch.dtype = torch.float32):
    generator = torch.Generator().manual_seed(length)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return {
        "x": draw(2, channels, length),
        "weight": draw(channels, width),
        "bias": draw(channels),
        "initial_states": draw(2, channels, width - 1),
    }


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("length", [1, 2, 3, 64])
@pytest.mark.parametrize("width", [1, 3, 4])
def test_equals_a_convolution_of_the_padded_input(backend: str, length: int, width: int) -> None:
    given = make(length, width=width)
    del given["initial_states"]
    y = causal_conv1d(**given, activation="silu", backend=backend)
    padded = F.pad(given["x"], (width - 1, 0))
    wanted = F.silu(F.conv1d(padded, given["weight"][:, None], given["bias"], groups=6))
    torch.testing.assert_close(y, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("backend", [name for name in NAMES if name != "cpu"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("width", [1, 4])
def test_gradients_are_those_of_the_function(backend: str, packed: bool, width: int) -> None:
    given = make(5, 2, width, torch.float64)
    seq_idx = torch.tensor([[0, 0, 1, 1, 2], [0, 0, 0, 0, 0]]) if packed else None

    def function(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        named = dict(zip(given, tensors, strict=True))
        return causal_conv1d(
            **named, seq_idx=seq_idx, return_final_states=True, activation="silu", backend=backend
        )

    tensors = tuple(tensor.requires_grad_() for tensor in given.values())
    assert torch.autograd.gradcheck(function, tensors)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("activation", [None, "silu"])
@pytest.mark.parametrize(("width", "length", "channels"), [(1, 5, 3), (4, 2, 70), (4, 37, 600)])
def test_gradients_in_compiled_loops_are_those_of_the_definition(
    packed: bool, activation: str | None, width: int, length: int, channels: int
) -> None:
    numbers = torch.arange(length).expand(2, -1) // 7 if packed else None
    found = {}
    for backend in ("cpu", "naive"):
        given = {name: x.requires_grad_() for name, x in make(length, channels, width).items()}
        options = {"seq_idx": numbers, "return_final_states": True, "activation": activation}
        y, last = causal_conv1d(**given, **options, backend=backend)
        generator = torch.Generator().manual_seed(1)
        above = [torch.randn(x.shape, generator=generator) for x in (y, last)]
        torch.autograd.backward((y, last), above)
        # A window of one position has no states, and so no gradient of them.
        found[backend] = [y, last, *(x.grad for x in given.values() if x.numel())]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("backend", NAMES)
def test_packed_documents_equal_separate_ones(backend: str) -> None:
    given = make(30)
    cuts = [0, 2, 3, 20, 30]
    numbers = torch.repeat_interleave(torch.tensor([0, 1, 0, 2]), torch.tensor(cuts).diff())
    options = {"return_final_states": True, "backend": backend}
    whole, last = causal_conv1d(**given, **options, seq_idx=numbers.expand(2, -1))
    for number, (start, end) in enumerate(zip(cuts[:-1], cuts[1:], strict=True)):
        part = given | {"x": given["x"][:, :, start:end]}
        if number:
            del part["initial_states"]
        y, state = causal_conv1d(**part, **options)
        torch.testing.assert_close(whole[:, :, start:end], y, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(last, state)


@pytest.mark.parametrize("backend", NAMES)
def test_a_document_of_one_position_leaves_no_other_in_the_final_states(backend: str) -> None:
    given = make(4)
    seq_idx = torch.tensor([[0, 0, 0, 1]]).expand(2, -1)
    _, state = causal_conv1d(**given, seq_idx=seq_idx, return_final_states=True, backend=backend)
    assert not state[:, :, :2].any()
    torch.testing.assert_close(state[:, :, 2], given["x"][:, :, 3])


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("width", [1, 4])
def test_split_with_states_and_single_steps_equal_the_whole(backend: str, width: int) -> None:
    given = make(21, width=width)
    options = {"activation": "silu", "return_final_states": True, "backend": backend}
    whole, last = causal_conv1d(**given, **options)
    y, state = causal_conv1d(**(given | {"x": given["x"][:, :, :2]}), **options)
    parts = [y]
    for t in range(2, 21):
        y, state = causal_conv1d_step(
            given["x"][:, :, t], given["weight"], given["bias"], "silu", state=state
        )
        parts.append(y[..., None])
    torch.testing.assert_close(torch.cat(parts, -1), whole, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(state, last)


@pytest.mark.parametrize("backend", NAMES)
def test_channels_last_views_and_sixteen_bits(backend: str) -> None:
    given = make(12)
    view = given["x"].transpose(1, 2).contiguous().transpose(1, 2)
    wanted = causal_conv1d(**given, backend="naive")
    y = causal_conv1d(**(given | {"x": view}), backend=backend)
    torch.testing.assert_close(y, wanted, atol=1e-6, rtol=1e-5)
    short = {name: tensor.bfloat16() for name, tensor in given.items()}
    y = causal_conv1d(**short, backend=backend)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), wanted, atol=0.1, rtol=0.02)


def test_wrong_arguments_are_named() -> None:
    given = make()
    for name, shape in (("weight", (5, 4)), ("bias", (6, 1)), ("initial_states", (2, 6, 4))):
        with pytest.raises(InputError, match=f"`{name}` has the shape"):
            causal_conv1d(**(given | {name: torch.zeros(shape)}))
    with pytest.raises(InputError, match="`activation` is 'gelu'"):
        causal_conv1d(**given, activation="gelu")
