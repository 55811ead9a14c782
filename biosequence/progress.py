"""The one progress bar: on stderr, and only where a person is looking."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_hidden: ContextVar[bool] = ContextVar("bioseq_progress_hidden", default=False)


@contextmanager
def hidden_progress() -> Iterator[None]:
    """Show no progress bar inside this block (``--quiet``)."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


def progress(
    items: Iterable[T], *, total: int | None = None, what: str = "", unit: str = "it"
) -> Iterable[T]:
    """The same items, with a bar on stderr when stderr is a terminal.

    Parameters
    ----------
    items
        What to go through; one step of the bar per item.
    total
        Number of items, where `items` cannot say.
    what
        A word before the bar, such as ``"scoring"``.
    unit
        What one item is called.
    """
    if _hidden.get() or not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, desc=what, unit=unit, file=sys.stderr, leave=False)
