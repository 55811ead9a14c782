"""Blocks of rows worked on by every core, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Each worker has a block of its own in memory.
MOST_WORKERS = 16


def map_blocks(function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
    """`function` of each item, in the order of the items, worked out in threads.

    numpy and scipy let other threads run while they compute. Meanwhile BLAS keeps to one thread:
    it need not wait for a core that another program has, and the last bits of its products do not
    depend on the number of cores. At most one item more than there are workers is ahead.
    """
    workers = worker_count()
    ahead: deque[Future[Answer]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def worker_count() -> int:
    """Cores that this process may use; ``OMP_NUM_THREADS`` limits them as it does elsewhere."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        cores = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    limit = int(asked) if asked.isdigit() and int(asked) else cores
    return max(1, min(cores, limit, MOST_WORKERS))
