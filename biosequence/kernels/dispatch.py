"""The table of back ends behind each op: which one runs a call, and why the others do not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..errors import UsageError

_LOG = logging.getLogger("biosequence.kernels")
_DISPATCHERS: dict[str, Dispatcher] = {}


def always() -> str | None:
    """No reason against it: for a back end that runs wherever torch does."""
    return None


def anything(*args: Any, **options: Any) -> str | None:
    """No reason against it: for a back end that takes every valid call."""
    return None


@dataclass(frozen=True)
class Backend:
    """One way to compute an op.

    Parameters
    ----------
    name
        What ``backend=`` calls it.
    run
        ``"module:function"``, imported when it is first used.
    available
        The reason why this machine cannot run it, or None when it can.
    accepts
        The reason why it cannot take these arguments, or None when it can.
    """

    name: str
    run: str
    available: Callable[[], str | None] = always
    accepts: Callable[..., str | None] = anything

    def load(self) -> Callable[..., Any]:
        """The function itself."""
        module, _, function = self.run.partition(":")
        return getattr(import_module(module), function)


class Dispatcher:
    """An op with its back ends in order of preference.

    Parameters
    ----------
    op
        Name of the op, as its users call it.
    backends
        The back ends, best first; the last one takes everything.

    Examples
    --------
    >>> from biosequence.kernels.dispatch import Backend, Dispatcher
    >>> roots = Dispatcher("root", [
    ...     Backend("real", "math:sqrt", accepts=lambda x: "x is negative" if x < 0 else None),
    ...     Backend("complex", "cmath:sqrt"),
    ... ])
    >>> roots(4.0), roots(-4.0)
    (2.0, 2j)
    >>> roots.explain(-4.0)
    [('real', 'x is negative'), ('complex', '')]
    """

    def __init__(self, op: str, backends: Sequence[Backend]) -> None:
        self.op = op
        self.backends = {backend.name: backend for backend in backends}
        self._loaded: dict[str, Callable[..., Any]] = {}
        self._told: set[tuple[str, str]] = set()
        _DISPATCHERS[op] = self

    def __call__(self, *args: Any, backend: str | None = None, **options: Any) -> Any:
        """Run the call on the first back end that can, or on the one that is named.

        Raises
        ------
        UsageError
            The named back end does not exist or cannot run this call; the reason is given.
        """
        name = self._first(args, options) if backend is None else self._named(backend)
        if backend is not None and (reason := self._reason(name, args, options)):
            raise UsageError(
                f"Back end {name!r} of {self.op} cannot run this call: {reason}.",
                where="backend",
                fix="Leave `backend` out to get the fastest one that can.",
            )
        if name not in self._loaded:
            self._loaded[name] = self.backends[name].load()
        with full_precision():
            return self._loaded[name](*args, **options)

    def explain(self, *args: Any, **options: Any) -> list[tuple[str, str]]:
        """Each back end with the reason why it cannot run this call; empty where it can."""
        return [(name, self._reason(name, args, options)) for name in self.backends]

    def availability(self) -> list[tuple[str, str]]:
        """Each back end with the reason why this machine lacks it; empty where it does not."""
        return [(name, backend.available() or "") for name, backend in self.backends.items()]

    def _reason(self, name: str, args: Any, options: Any) -> str:
        backend = self.backends[name]
        return backend.available() or backend.accepts(*args, **options) or ""

    def _first(self, args: Any, options: Any) -> str:
        for name in self.backends:
            reason = self._reason(name, args, options)
            if not reason:
                return name
            if (name, reason) not in self._told:
                self._told.add((name, reason))
                _LOG.info("%s: back end %r is passed over: %s", self.op, name, reason)
        raise AssertionError(f"the last back end of {self.op} has to take every call")

    def _named(self, name: str) -> str:
        if name not in self.backends:
            raise UsageError(
                f"{self.op} has no back end {name!r}.",
                where="backend",
                fix=f"Choose one of: {', '.join(self.backends)}.",
            )
        return name


def dispatchers() -> dict[str, Dispatcher]:
    """Every dispatcher made so far, by the name of its op."""
    return dict(_DISPATCHERS)


def full_precision() -> AbstractContextManager[Any]:
    """A context without autocast: it would round the state's matrix products to 16 bits."""
    import torch

    kind = "cuda" if torch.cuda.is_available() else "cpu"
    for device in dict.fromkeys((kind, "cpu")):
        if torch.is_autocast_enabled(device):
            return torch.autocast(device, enabled=False)
    return nullcontext()
