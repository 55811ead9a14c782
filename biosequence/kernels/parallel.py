"""Compiled loops over independent tasks, shared out among threads.

numba's own threads are not used: its default layer ends a forked child that uses it after its
parent did, and another layer ends a process that calls it from two threads at once. These threads
belong to the process that made them, and there are as many as torch uses.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

# Ranges for each thread: the last ones to finish wait less for each other.
SHARES = 2
# Below about two milliseconds a second thread costs more than it does: torch's own threads, which
# wait for their next product without giving way, still hold the other cores.
LEAST_WORK = 1 << 22
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def share_out(kernel: Callable[..., None], num_tasks: int, work: int, *args: Any) -> None:
    """Call ``kernel(start, end, *args)`` for ranges that make up all tasks, and wait for them.

    Parameters
    ----------
    kernel
        A compiled function that lets go of the interpreter's lock.
    num_tasks
        Number of tasks, all of about the same work.
    work
        Turns of the innermost loop in all of them.
    args
        The rest of its arguments.
    """
    threads = min(torch.get_num_threads(), num_tasks)
    if threads == 1 or work < LEAST_WORK:
        kernel(0, num_tasks, *args)
        return
    shares = min(num_tasks, threads * SHARES)
    cuts = [num_tasks * share // shares for share in range(shares + 1)]
    pool = _pool(threads)
    waiting = [
        pool.submit(kernel, start, end, *args)
        for start, end in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    for future in waiting:
        future.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    key = (os.getpid(), threads)
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(threads, thread_name_prefix="biosequence-kernels")
    return _pools[key]
