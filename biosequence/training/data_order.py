"""Which examples a step reads: a pure function of seed and step, whatever the number of ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .recipe_tables import Stage

_ROUNDS = 6
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True)
class Pick:
    """One example of a batch: its number, the pass through the data, and its length."""

    epoch: int
    index: int
    length: int


def shuffled(positions: np.ndarray, count: int, seed: Sequence[int]) -> np.ndarray:
    """Where positions 0 .. count - 1 lie in a shuffled order, without making the order.

    A Feistel network permutes the next power of four; positions that land outside walk on until
    they are inside, which keeps it a permutation of `count`.

    Examples
    --------
    >>> sorted(shuffled(np.arange(5), 5, [0]).tolist())
    [0, 1, 2, 3, 4]
    """
    half = np.uint64(max(1, (max(count - 1, 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half)) - 1)
    keys = np.random.SeedSequence(list(seed)).generate_state(_ROUNDS, np.uint64)
    values = np.asarray(positions, dtype=np.uint64)
    outside = np.ones(values.shape, dtype=bool)
    while outside.any():
        left, right = values[outside] >> half, values[outside] & mask
        for key in keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        values[outside] = (left << half) | right
        outside = values >= count
    return values.astype(np.int64)


def _mixed(values: np.ndarray) -> np.ndarray:
    for factor, shift in zip(_MIX, (30, 27), strict=True):
        values = (values ^ (values >> np.uint64(shift))) * factor
    return values ^ (values >> np.uint64(31))


class DataOrder:
    """The examples of every batch of a run.

    Parameters
    ----------
    seed
        Seed of the order.
    stages
        Lengths with the steps they begin at.
    counts
        Examples there are at the length of each stage.
    tokens
        Tokens of a device's batch, the same in all stages.
    accumulation, world
        Batches of a step on a device, and devices.
    skips
        Pairs (step, batches): from that step on, so many steps' worth of data is passed over.
    shuffle
        False where the dataset has an order of its own for each epoch.
    """

    def __init__(
        self,
        seed: int,
        stages: Sequence[Stage],
        counts: Sequence[int],
        *,
        tokens: int,
        accumulation: int,
        world: int,
        skips: Sequence[tuple[int, int]] = (),
        shuffle: bool = True,
    ) -> None:
        self.seed = seed
        self.stages = tuple(stages)
        self.counts = tuple(counts)
        self.tokens = tokens
        self.accumulation = accumulation
        self.world = world
        self.skips = tuple(skips)
        self.shuffle = shuffle
        self._first_epochs = self._epochs_before()

    def batch(self, step: int, part: int, rank: int) -> list[Pick]:
        """The examples of one device's batch number `part` of a step (counted from 0)."""
        number = self._stage(step)
        stage, count = self.stages[number], self.counts[number]
        size = self.tokens // stage.length
        start = self._data_step(step, number) * self.accumulation * self.world
        first = (start + part * self.world + rank) * size
        positions = np.arange(first, first + size)
        epochs, places = np.divmod(positions, count)
        picks: list[Pick] = []
        for epoch in np.unique(epochs):
            inside = places[epochs == epoch]
            true_epoch = int(epoch) + self._first_epochs[number]
            indices = inside
            if self.shuffle:
                indices = shuffled(inside, count, [self.seed, number, true_epoch])
            picks += [Pick(true_epoch, int(index), stage.length) for index in indices]
        return picks

    def length(self, step: int) -> int:
        """Tokens of an example at a step."""
        return self.stages[self._stage(step)].length

    def _stage(self, step: int) -> int:
        return max(n for n, stage in enumerate(self.stages) if stage.from_step <= step)

    def _data_step(self, step: int, stage: int) -> int:
        skipped = sum(batches for start, batches in self.skips if start <= step)
        return step - self.stages[stage].from_step + skipped

    def _epochs_before(self) -> list[int]:
        """Passes begun in earlier stages, so that no stage repeats the draws of another."""
        found = [0]
        for number, stage in enumerate(self.stages[:-1]):
            steps = self.stages[number + 1].from_step - stage.from_step
            size = self.tokens // stage.length
            read = steps * self.accumulation * self.world * size
            found.append(found[-1] + -(-read // self.counts[number]))
        return found


class BatchOrder:
    """A batch sampler for torch's loader: this rank's batches from a step to the last one."""

    def __init__(self, order: DataOrder, *, first: int, steps: int, rank: int) -> None:
        self.order = order
        self.first = first
        self.steps = steps
        self.rank = rank

    def __len__(self) -> int:
        # The whole run, whatever was done before: the Trainer counts an epoch by it.
        return self.steps * self.order.accumulation

    def __iter__(self) -> Iterator[list[Pick]]:
        for step in range(self.first, self.steps):
            for part in range(self.order.accumulation):
                yield self.order.batch(step, part, self.rank)


class PickedExamples:
    """A dataset that answers to a :class:`Pick`; loader processes need no other state."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self._epoch: int | None = None
        self._length: int | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, pick: Pick) -> Any:
        if pick.length != self._length and hasattr(self.dataset, "set_length"):
            self.dataset.set_length(pick.length)
        if pick.epoch != self._epoch and hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(pick.epoch)
        self._length, self._epoch = pick.length, pick.epoch
        return self.dataset[pick.index]


def counts_by_stage(dataset: Any, stages: Sequence[Stage]) -> list[int]:
    """Examples of a dataset at the length of each stage."""
    resize: Callable[[int], None] | None = getattr(dataset, "set_length", None)
    counts = []
    for stage in stages:
        if resize is not None:
            resize(stage.length)
        counts.append(len(dataset))
    if resize is not None:
        resize(stages[0].length)
    return counts
