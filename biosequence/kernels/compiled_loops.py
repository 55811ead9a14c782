"""When the compiled loops of a kernel can run a call: asked without importing numba."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any


def numba_missing() -> str | None:
    """The reason why this machine has no compiled loops; None when it has."""
    return None if find_spec("numba") else "numba is not installed"


def not_single_on_cpu(*args: Any, **options: Any) -> str | None:
    """The reason why loops in float32 on the CPU cannot take these tensors; None when they can."""
    from .shapes import state_dtype

    tensors = [value for value in (*args, *options.values()) if hasattr(value, "dtype")]
    if any(tensor.device.type != "cpu" for tensor in tensors):
        return "a tensor is not on the CPU"
    if str(state_dtype(*tensors)) == "torch.float64":
        return "it computes in float32 and the input is float64"
    return None
