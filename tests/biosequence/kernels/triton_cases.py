"""Triton kernels give the recurrences' values and gradients, on a GPU or in Triton's interpreter.

Not collected by itself: `test_triton_interpreted.py` runs it in a process with TRITON_INTERPRET=1,
`benchmarks/gpu.sh` on a GPU, where sizes are larger and bfloat16 is included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from biosequence.errors import UsageError
from biosequence.kernels import (
    MLSTMState,
    SLSTMState,
    backends,
    causal_conv1d,
    mlstm,
    mlstm_bidirectional,
    selective_scan,
    slstm,
    ssd,
)
from biosequence.kernels.gpu import interpreted

DEVICE = "cpu" if interpreted() else "cuda"
ON_GPU = DEVICE == "cuda"
# Error of a whole tensor, as a share of its norm. 16-bit types round inputs, products and results.
LIMITS = {torch.float32: 3e-5, torch.float16: 1e-2, torch.bfloat16: 4e-2}
DTYPES = [torch.float32, torch.float16, *([torch.bfloat16] if ON_GPU else [])]
# Gates move outputs by small differences of large sums, which rounding is large against.
SENSITIVE = {"dA", "ddt", "ddt_bias", "di", "df"}
# Position by position in the interpreter, a long scan takes seconds.
SHORT = [1, 17, *([63, 64, 65, 500] if ON_GPU else [])]
CHUNKED = [1, 17, 63, 64, 65, *([500, 1030] if ON_GPU else [])]

Tensors = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def poisoned_memory() -> Iterator[None]:
    """torch.empty gives NaN; without the refusal of operations that are not deterministic."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape) + 31 * seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def documents(batch: int, length: int) -> torch.Tensor:
    return (drawn(batch, length, seed=5) > 1.3).long().cumsum(1)


def gradients(run: Any, tensors: Tensors) -> Tensors:
    """Every output, and every gradient of a fixed weighted sum of them."""
    tensors = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items()}
    outputs = run(tensors)
    total = sum(
        (part.double().cpu() * drawn(*part.shape, seed=7 + number)).sum()
        for number, part in enumerate(outputs.values())
    )
    total.backward()
    slopes = {f"d{name}": tensor.grad for name, tensor in tensors.items()}
    return {name: x.detach().double().cpu() for name, x in (outputs | slopes).items()}


def agree(run: Any, tensors: Tensors, dtype: torch.dtype, reference: str = "naive") -> None:
    """The kernel on the device against the recurrence in fp64, from the same rounded inputs."""
    rounded = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    found = gradients(
        lambda given: run("triton", given, DEVICE), {n: x.to(DEVICE) for n, x in rounded.items()}
    )
    wanted = gradients(
        lambda given: run(reference, given, "cpu"), {n: x.double() for n, x in rounded.items()}
    )
    scale = max(float(x.norm()) for x in wanted.values())
    for name, right in wanted.items():
        # A gradient that is nothing but rounding has no size to compare with.
        size = max(float(right.norm()), 1e-3 * scale)
        error = float((found[name] - right).norm()) / size
        assert error < LIMITS[dtype] * (5 if name in SENSITIVE else 1), (name, error)


def check_scan(
    length: int,
    dtype: torch.dtype,
    groups: int | None = None,
    packed: bool = False,
    bare: bool = False,
    states: int = 5,
    channels: int = 6,
    first: bool = True,
) -> None:
    maps = (2, states, length) if groups is None else (2, groups, states, length)
    tensors = {
        # One with the channels, one with the positions dense.
        "u": drawn(2, length, channels).transpose(1, 2),
        "delta": 2 * drawn(2, channels, length, seed=1) - 1,
        "A": -drawn(channels, states).exp(),
        "B": drawn(*maps, seed=2),
        "C": drawn(*maps, seed=3),
    }
    if not bare:
        tensors |= {
            "D": drawn(channels),
            "z": drawn(2, length, channels, seed=4).transpose(1, 2),
            "delta_bias": drawn(channels, seed=6),
        }
    if first:
        tensors["initial_state"] = drawn(2, channels, states, seed=8)
    seq_idx = documents(2, length) if packed else None

    def run(backend: str, given: Tensors, device: str) -> Tensors:
        index = None if seq_idx is None else seq_idx.to(device)
        y, state = selective_scan(
            **given, delta_softplus=True, return_last_state=True, seq_idx=index, backend=backend
        )
        return {"y": y, "state": state}

    agree(run, tensors, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("length", SHORT)
def test_scan(length: int, dtype: torch.dtype) -> None:
    check_scan(length, dtype)


@pytest.mark.parametrize("options", [
    {"groups": 2, "packed": True},
    {"bare": True, "first": False, "states": 16},
    {"groups": 1, "channels": 70, "states": 3},
], ids=str)  # fmt: skip
def test_scan_options(options: dict[str, Any]) -> None:
    check_scan(200 if ON_GPU else 10, torch.float32, **options)


def check_ssd(
    length: int,
    dtype: torch.dtype,
    packed: bool = False,
    bare: bool = False,
    groups: int = 2,
    heads: int = 4,
    size: int = 8,
    states: int = 20,
    chunk: int | None = None,
) -> None:
    tensors = {
        "x": drawn(2, length, heads, size),
        "dt": drawn(2, length, heads, seed=1) - 1,
        "A": -drawn(heads).exp(),
        "B": drawn(2, length, groups, states, seed=2),
        "C": drawn(2, length, groups, states, seed=3),
    }
    options: dict[str, Any] = {"dt_softplus": True, "chunk_size": chunk}
    if not bare:
        options["dt_limit"] = (0.01, 2.0)
        tensors |= {
            "D": drawn(heads, size),
            "z": drawn(2, length, heads, size, seed=4),
            "dt_bias": drawn(heads, seed=6),
            "initial_states": drawn(2, heads, size, states, seed=8),
        }
    seq_idx = documents(2, length) if packed else None

    def run(backend: str, given: Tensors, device: str) -> Tensors:
        index = None if seq_idx is None else seq_idx.to(device)
        y, state = ssd(**given, **options, return_final_states=True, seq_idx=index, backend=backend)
        return {"y": y, "state": state}

    agree(run, tensors, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("length", CHUNKED)
def test_ssd(length: int, dtype: torch.dtype) -> None:
    check_ssd(length, dtype)


@pytest.mark.parametrize("options", [
    {"packed": True, "groups": 1, "heads": 2, "chunk": 32},
    {"bare": True, "groups": 2, "heads": 2},
    {"size": 72, "states": 16, "heads": 1, "groups": 1},
    *([{"size": 64, "states": 128, "heads": 8, "groups": 1}] if ON_GPU else []),
], ids=str)  # fmt: skip
def test_ssd_options(options: dict[str, Any]) -> None:
    check_ssd(100 if ON_GPU else 70, torch.float32, **options)


def check_mlstm(
    length: int,
    dtype: torch.dtype,
    packed: bool = False,
    first: bool = True,
    heads: int = 2,
    widths: tuple[int, int] = (8, 24),
    gates: float = 2.0,
    **options: Any,
) -> None:
    K, V = widths
    tensors = {
        "q": drawn(2, heads, length, K),
        "k": drawn(2, heads, length, K, seed=1),
        "v": drawn(2, length, heads, V, seed=2).transpose(1, 2),
        "i": gates * drawn(2, heads, length, seed=3),
        "f": gates * (drawn(2, heads, length, seed=4) + 1),
    }
    if first:
        tensors |= {
            "C": drawn(2, heads, K, V, seed=5),
            "n": drawn(2, heads, K, seed=6),
            "m": drawn(2, heads, seed=7),
        }
    seq_idx = documents(2, length) if packed else None

    def run(backend: str, given: Tensors, device: str) -> Tensors:
        inputs = {name: given[name] for name in "qkvif"}
        state = MLSTMState(given["C"], given["n"], given["m"]) if first else None
        index = None if seq_idx is None else seq_idx.to(device)
        h, last = mlstm(
            **inputs,
            **options,
            initial_state=state,
            return_last_state=True,
            seq_idx=index,
            backend=backend,
        )
        return {"h": h, "last_C": last.C, "last_n": last.n, "last_m": last.m}

    agree(run, tensors, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("length", CHUNKED)
def test_mlstm(length: int, dtype: torch.dtype) -> None:
    check_mlstm(length, dtype)


@pytest.mark.parametrize("options", [
    {"packed": True, "chunk_size": 32},
    {"input_gate": "sigmoid", "packed": True},
    {"input_gate": "sigmoid", "normalize": False, "heads": 1},
    {"first": False, "widths": (72, 16), "eps": 0.0, "heads": 1},
    {"gates": 20.0, "heads": 1},
    *([{"widths": (128, 256)}] if ON_GPU else []),
], ids=str)  # fmt: skip
def test_mlstm_options(options: dict[str, Any]) -> None:
    check_mlstm(100 if ON_GPU else 70, torch.float32, **options)


def test_mlstm_with_large_gates_is_finite() -> None:
    q, k, v = (drawn(1, 1, 70, 16, seed=seed).float().to(DEVICE) for seed in range(3))
    i, f = (60 * drawn(1, 1, 70, seed=seed).sign().float().to(DEVICE) for seed in (3, 4))
    tensors = {"q": q, "k": k, "v": v, "i": i, "f": f}
    found = gradients(lambda given: {"h": mlstm(**given, backend="triton")}, tensors)
    for name, tensor in found.items():
        assert tensor.isfinite().all(), name


@pytest.mark.parametrize("packed", [False, True])
def test_mlstm_in_both_directions(packed: bool) -> None:
    length = 100 if ON_GPU else 33
    tensors = {name: drawn(1, 2, length, 8, seed=seed) for seed, name in enumerate("qkv")}
    tensors |= {name: 2 * drawn(1, 2, length, seed=9 + seed) for seed, name in enumerate("if")}
    seq_idx = documents(1, length) if packed else None

    def run(backend: str, given: Tensors, device: str) -> Tensors:
        index = None if seq_idx is None else seq_idx.to(device)
        return {"h": mlstm_bidirectional(**given, seq_idx=index, backend=backend)}

    agree(run, tensors, torch.float32, "parallel")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("length", "packed", "width"), [
    (1, False, 8), (9, True, 20), *([(65, True, 64), (65, False, 128)] if ON_GPU else [])
])  # fmt: skip
def test_slstm(length: int, packed: bool, width: int, dtype: torch.dtype) -> None:
    tensors = {
        "x": drawn(3, length, 4, 2, width),
        "recurrent": drawn(4, 2, width, width) / width**0.5,
        "bias": drawn(4, 2, width, seed=1),
        "y": drawn(3, 2, width, seed=2),
        "c": drawn(3, 2, width, seed=3),
        "n": drawn(3, 2, width, seed=4).abs() + 0.5,
        "m": drawn(3, 2, width, seed=5),
    }
    seq_idx = documents(3, length) if packed else None

    def run(backend: str, given: Tensors, device: str) -> Tensors:
        inputs = (given["x"], given["recurrent"], given["bias"])
        state = SLSTMState(*(given[name] for name in "ycnm"))
        index = None if seq_idx is None else seq_idx.to(device)
        y, last = slstm(
            *inputs, initial_state=state, return_last_state=True, seq_idx=index, backend=backend
        )
        return {"out": y, **{f"last_{name}": getattr(last, name) for name in "cnm"}}

    agree(run, tensors, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("length", "window", "packed", "activation", "channels_last"), [
    (1, 4, False, "silu", True),
    (65, 4, True, "silu", True),
    (300, 3, True, None, False),
    (17, 1, False, "silu", False),
])  # fmt: skip
def test_convolution(
    length: int,
    window: int,
    packed: bool,
    activation: str | None,
    channels_last: bool,
    dtype: torch.dtype,
) -> None:
    channels = 70 if channels_last else 5
    x = drawn(2, length, channels)
    x = x.transpose(1, 2) if channels_last else x.transpose(1, 2).contiguous()
    tensors = {"x": x, "weight": drawn(channels, window), "bias": drawn(channels)}
    if window > 1:
        tensors["initial_states"] = drawn(2, channels, window - 1, seed=1)
    seq_idx = documents(2, length) if packed else None

    def run(backend: str, given: Tensors, device: str) -> Tensors:
        index = None if seq_idx is None else seq_idx.to(device)
        y, last = causal_conv1d(
            **given,
            seq_idx=index,
            return_final_states=True,
            activation=activation,
            backend=backend,
        )
        return {"y": y, "last": last}

    agree(run, tensors, dtype)


def test_it_is_the_first_choice_of_every_op() -> None:
    for op, found in backends().items():
        # The inner part of a mixer is made of other ops on a GPU, and those are asked here.
        if op != "mamba_inner":
            assert found[0] == ("triton", ""), op


def test_what_it_cannot_take_is_refused_with_the_reason() -> None:
    x = torch.zeros(1, 2, 3, device=DEVICE, dtype=torch.float64)
    with pytest.raises(UsageError, match="computes in float32"):
        causal_conv1d(x, x[0, :, :2], backend="triton")
    with pytest.raises(UsageError, match="up to 8 positions"):
        causal_conv1d(x.float(), torch.zeros(2, 9, device=DEVICE), backend="triton")
