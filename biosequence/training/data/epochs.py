"""Datasets whose examples depend on seed, epoch and index, and on nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

Example = dict[str, Any]
Transform = Callable[[Example, np.random.Generator], Example]

# First word of a seed: numpy reads [0, 1] and [0, 1, 0] alike, so that kinds need one.
_EPOCH, _EXAMPLE = 1, 2


class EpochDataset(ABC):
    """A map-style dataset; `dataset[i]` is example i of an epoch's own order.

    The order of an epoch is part of the dataset, so that it can put rows of like length together:
    read it from the first to the last. Nothing is taken from a global source of chance, and what
    was asked before changes nothing: a run that goes on from the middle sees what it would have
    seen.

    Parameters
    ----------
    length
        Most tokens of an example.
    seed
        Seed of order, masks, spans and whatever else is drawn.
    shuffle
        Another order and other draws in each epoch, for training. Without it the examples come in
        the order of the data, and every epoch is the first.
    transform
        What becomes of an example, for instance masking; it is given the example's own source of
        chance.

    Attributes
    ----------
    shuffled
        True where the order is already random, so that a sampler need not shuffle again.
    """

    def __init__(
        self, length: int, seed: int, *, shuffle: bool, transform: Transform | None = None
    ) -> None:
        self.length = length
        self.seed = seed
        self.shuffled = shuffle
        self.epoch = 0
        self._transform = transform
        self._kept_order: tuple[Any, np.ndarray | None] = (None, None)

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            msg = f"example {index} of {len(self)}"
            raise IndexError(msg)
        chance = np.random.default_rng([_EXAMPLE, self.seed, self.epoch, int(index)])
        order = self._order()
        example = self._example(int(index if order is None else order[index]), chance)
        return example if self._transform is None else self._transform(example, chance)

    def documents_of(self, index: int) -> list[int]:
        """Numbers of the documents (or rows, families, domains) that example `index` is made of."""
        if not 0 <= index < len(self):
            msg = f"example {index} of {len(self)}"
            raise IndexError(msg)
        order = self._order()
        return self._sources(int(index if order is None else order[index]))

    def set_epoch(self, epoch: int) -> None:
        """Examples of this epoch from now on; no effect on data for validation."""
        if self.shuffled:
            self.epoch = epoch

    def set_length(self, length: int) -> None:
        """Examples of at most so many tokens from now on; their number may change."""
        self.length = length

    def __getstate__(self) -> dict[str, Any]:
        # Orders are large, and another process makes its own.
        return self.__dict__ | {"_kept_order": (None, None)}

    def _epoch_chance(self) -> np.random.Generator:
        return np.random.default_rng([_EPOCH, self.seed, self.epoch])

    def _order(self) -> np.ndarray | None:
        """Which example comes when, int64 of shape (examples,); None: as they are."""
        if not self.shuffled:
            return None
        key = (self.epoch, self.length)
        if self._kept_order[0] != key:
            self._kept_order = (key, self._new_order(self._epoch_chance()))
        return self._kept_order[1]

    def _new_order(self, chance: np.random.Generator) -> np.ndarray:
        return chance.permutation(len(self))

    def _sources(self, number: int) -> list[int]:
        return [number]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _example(self, number: int, chance: np.random.Generator) -> Example:
        """Example `number` in the order of the data."""


def bucketed_order(
    lengths: np.ndarray, chance: np.random.Generator, *, pool: int = 4096, block: int = 64
) -> np.ndarray:
    """A random order in which neighbours are of like length, int64 of shape (rows,).

    Rows are shuffled and sorted by length within pools; blocks of the result are shuffled again. A
    batch then needs little padding, and still no batch follows from the one before.

    Parameters
    ----------
    lengths
        Tokens of each row.
    chance
        Source of chance.
    pool, block
        Rows that are sorted together, rows that stay together.

    Examples
    --------
    >>> order = bucketed_order(np.array([9, 1, 8, 2]), np.random.default_rng(0), block=2)
    >>> sorted(sorted(order[:2].tolist()) + sorted(order[2:].tolist()))
    [0, 1, 2, 3]
    >>> {frozenset(order[:2].tolist()), frozenset(order[2:].tolist())} == {
    ...     frozenset({1, 3}), frozenset({0, 2})}
    True
    """
    order = chance.permutation(len(lengths))
    order = order[np.lexsort((lengths[order], np.arange(len(order)) // pool))]
    whole = len(order) // block * block
    blocks = order[:whole].reshape(-1, block)[chance.permutation(whole // block)]
    return np.concatenate([blocks.reshape(-1), order[whole:]])
