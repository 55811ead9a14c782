"""Read the next block while this one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each made in a thread while the one before is used.

    At most three items exist at once: one in use, one waiting, one being made. What `items` raises
    is raised here, and leaving the loop early stops the thread.
    """
    ready: queue.Queue = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def offer(item: object) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                offer((item, None))
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  it is raised again in the caller's thread
            offer((_END, error))
        else:
            offer((_END, None))

    thread = threading.Thread(target=make, name="bioseq-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
