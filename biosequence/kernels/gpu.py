"""Whether Triton can run here, and which calls it can take; imports no Triton itself."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# What the kernels were compiled with: 3.6, 3.7 and 3.9.
OLDEST = (3, 6)
DTYPES = ("torch.float32", "torch.float16", "torch.bfloat16")


def interpreted() -> bool:
    """Whether kernels run in Triton's interpreter, on the CPU: TRITON_INTERPRET=1."""
    return os.environ.get("TRITON_INTERPRET", "0") not in ("", "0")


@cache
def triton_missing() -> str | None:
    """The reason why no Triton kernel runs on this machine, or None."""
    if find_spec("triton") is None:
        return "triton is not installed"
    try:
        found = version("triton")
    except PackageNotFoundError:
        found = "0"
    if tuple(int(part) for part in found.split("+")[0].split(".")[:2]) < OLDEST:
        return f"triton {found} is older than {OLDEST[0]}.{OLDEST[1]}"
    if interpreted():
        return None
    import torch

    return None if torch.cuda.is_available() else "there is no CUDA device"


def unfit(*values: Any) -> str | None:
    """The reason why Triton kernels cannot take these arguments, or None.

    Parameters
    ----------
    values
        Arguments of a call; tensors, also those in tuples, are looked at.
    """
    tensors = [value for value in _flat(values) if hasattr(value, "is_cuda")]
    for tensor in tensors:
        if not tensor.is_cuda and not interpreted():
            return "a tensor is not on a CUDA device"
        if tensor.is_floating_point() and str(tensor.dtype) not in DTYPES:
            return f"it computes in float32 and a tensor is {tensor.dtype}"
        if interpreted() and str(tensor.dtype) == "torch.bfloat16":
            return "the interpreter of triton computes bfloat16 wrongly"
    return None


def _flat(values: Any) -> Any:
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield value


def on_device_of(tensor: Tensor) -> AbstractContextManager[Any]:
    """Make the tensor's GPU the current one: that is where kernels start."""
    if not tensor.is_cuda:
        return nullcontext()
    import torch

    return torch.cuda.device(tensor.device)


def dense_last(tensor: Tensor) -> Tensor:
    """The tensor with neighbours on its last axis side by side in memory; a copy if need be."""
    if tensor.stride(-1) == 1 or tensor.shape[-1] == 1:
        return tensor
    return tensor.contiguous()


def block(size: int, least: int, most: int) -> int:
    """The power of two that holds the size, between two limits."""
    return max(least, min(most, 1 << max(size - 1, 0).bit_length()))
