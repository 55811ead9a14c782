"""Batches of sequences of like length, from a stream, with the answers in the stream's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run_in_batches(
    items: Iterable[T],
    work: Callable[[list[T]], Sequence[R]],
    *,
    length: Callable[[T], int] = len,
    batch_size: int = 16,
    max_tokens: int | None = None,
    window: int | None = None,
) -> Iterator[R]:
    """The result of every item, in the items' order, computed in batches of similar length.

    `window` items are in memory at a time; they are sorted by length, worked on, and given back in
    their order. So a file may be larger than memory, and little is spent on padding.

    Parameters
    ----------
    items
        What to work on; taken from the stream as needed.
    work
        Results of a batch, one for each of its items.
    length
        Length of an item, the measure of likeness.
    batch_size
        Most items of a batch.
    max_tokens
        Most positions of a batch, padding included; an item that is longer is a batch of its own.
    window
        Items looked at together; default: 16 batches.

    Examples
    --------
    >>> batches = []
    >>> def work(batch):
    ...     batches.append(batch)
    ...     return [text.lower() for text in batch]
    >>> list(run_in_batches(["A", "CCCC", "G", "TTTT"], work, batch_size=2))
    ['a', 'cccc', 'g', 'tttt']
    >>> batches
    [['TTTT', 'CCCC'], ['G', 'A']]
    """
    stream = iter(items)
    while block := list(islice(stream, window or 16 * batch_size)):
        sizes = [length(item) for item in block]
        answers: dict[int, R] = {}
        for batch in _cut(sizes, batch_size, max_tokens):
            results = work([block[number] for number in batch])
            assert len(results) == len(batch)
            answers.update(zip(batch, results, strict=True))
        yield from (answers[number] for number in range(len(block)))


def _cut(sizes: list[int], batch_size: int, max_tokens: int | None) -> Iterator[list[int]]:
    """Numbers of the items of each batch, longest first: memory runs out at once or never."""
    batch: list[int] = []
    widest = 0
    for number in sorted(range(len(sizes)), key=lambda number: (sizes[number], number))[::-1]:
        widest = max(widest, sizes[number])
        full = max_tokens is not None and widest * (len(batch) + 1) > max_tokens
        if batch and (len(batch) == batch_size or full):
            yield batch
            batch, widest = [], sizes[number]
        batch.append(number)
    if batch:
        yield batch
