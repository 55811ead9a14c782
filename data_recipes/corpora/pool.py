"""The same answers in the same order, from one process or from many."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from biosequence.errors import BioseqError

T = TypeVar("T")
R = TypeVar("R")

# Batches under way for each process: enough that none waits, few enough to bound memory.
_AHEAD = 3


def all_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_batches(
    function: Callable[[Sequence[T]], Sequence[R]],
    items: Iterable[T],
    *,
    workers: int = 1,
    batch: int = 2048,
) -> Iterator[R]:
    """`function` of every batch of items, its answers one by one, in the order of the items.

    Processes are spawned, so the function must be one of a module; little work stays in this one.

    Parameters
    ----------
    function
        Takes a batch, gives an answer for each of its items.
    items
        Taken as they are needed.
    workers
        Processes.
    batch
        Items of a batch.

    Examples
    --------
    >>> list(map_batches(sorted, [3, 1, 2], batch=2))
    [1, 3, 2]
    """
    batches = _batched(iter(items), batch)
    first = list(islice(batches, 2))
    if workers <= 1 or len(first) < 2:
        for one in chain(first, batches):
            yield from function(one)
        return
    yield from _spawned(function, chain(first, batches), workers)


def _spawned(
    function: Callable[[Sequence[T]], Sequence[R]], batches: Iterator[list[T]], workers: int
) -> Iterator[R]:
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    waiting: deque[Future[Sequence[R]]] = deque()
    try:
        for one in batches:
            waiting.append(pool.submit(function, one))
            if len(waiting) >= workers * _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        what = "A process of the preparation was ended from outside, probably for want of memory."
        raise BioseqError(what, fix="Give fewer --workers, or the job more memory.") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch
