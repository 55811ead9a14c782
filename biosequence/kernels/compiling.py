"""numba's compiler with this package's settings; what it makes is kept where possible."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numba

_LOG = logging.getLogger("biosequence.kernels")

# Sums may change their order (without it they stay scalar), but NaN and infinities keep their
# meaning: a user's NaN has to come out as NaN.
ARITHMETIC = {"arcp", "contract", "nsz", "reassoc"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled at its first call, which other threads need not wait for."""
    options = {"nogil": True, "fastmath": ARITHMETIC, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's cache can be written.
        _LOG.info("compiled kernels cannot be kept on this machine: each process compiles anew")
        return numba.njit(**options)(function)
