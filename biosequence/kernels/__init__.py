"""The recurrences of the sequence models as pure functions of tensors, each on several back ends.

>>> import torch
>>> from biosequence.kernels import selective_scan
>>> u = torch.ones(1, 2, 3)
>>> selective_scan(u, u, -torch.ones(2, 1), torch.ones(1, 1, 3), torch.ones(1, 1, 3))[0, 0]
tensor([1.0000, 1.3679, 1.5032])
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Name of the op -> its folder; each folder also holds the step form and the states of its op.
_OPS = {
    "causal_conv1d": "causal_conv",
    "mamba_inner": "mamba_inner",
    "mlstm": "mlstm",
    "selective_scan": "selective_scan",
    "slstm": "slstm",
    "ssd": "ssd",
}
_EXPORTS = {
    "accelerate": "accelerate",
    "causal_conv1d": "causal_conv",
    "causal_conv1d_step": "causal_conv",
    "mamba_inner": "mamba_inner",
    "MLSTMState": "mlstm",
    "mlstm": "mlstm",
    "mlstm_bidirectional": "mlstm",
    "mlstm_step": "mlstm",
    "restore": "accelerate",
    "selective_scan": "selective_scan",
    "selective_scan_step": "selective_scan",
    "SLSTMState": "slstm",
    "slstm": "slstm",
    "slstm_step": "slstm",
    "ssd": "ssd",
    "ssd_step": "ssd",
}

__all__ = [
    "MLSTMState",
    "SLSTMState",
    "accelerate",
    "backends",
    "causal_conv1d",
    "causal_conv1d_step",
    "mamba_inner",
    "mlstm",
    "mlstm_bidirectional",
    "mlstm_step",
    "restore",
    "selective_scan",
    "selective_scan_step",
    "slstm",
    "slstm_step",
    "ssd",
    "ssd_step",
]


def backends() -> dict[str, list[tuple[str, str]]]:
    """Back ends of each op, best first, with the reason why this machine lacks one.

    Returns
    -------
    Op -> list of (name, reason); the reason is empty where the back end can run.

    Examples
    --------
    >>> [name for name, reason in backends()["ssd"] if not reason][-1]
    'naive'
    """
    from .dispatch import dispatchers

    for folder in _OPS.values():
        if find_spec(f"{__name__}.{folder}") is not None:
            import_module(f".{folder}", __name__)
    made = dispatchers()
    return {op: made[op].availability() for op in _OPS if op in made}


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f".{_EXPORTS[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


class _Kernels(ModuleType):
    """The package itself, whose ops keep their names."""

    def __setattr__(self, name: str, value: Any) -> None:
        # An op and its folder share a name. Importing the folder sets it as an attribute here,
        # and `kernels.ssd` would be a function or a module by the order of imports.
        if not (name in _EXPORTS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Kernels
