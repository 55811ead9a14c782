"""The order of data depends on seed and step alone."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.training.data_order import (
    BatchOrder,
    DataOrder,
    Pick,
    PickedExamples,
    counts_by_stage,
    shuffled,
)
from biosequence.training.recipe_tables import Stage

ONE = (Stage(from_step=0, length=8),)
TWO = (Stage(from_step=0, length=4), Stage(from_step=3, length=8))


def order(world: int = 1, accumulation: int = 1, batch: int = 4, **given: object) -> DataOrder:
    options = {"stages": ONE, "counts": [50], **given}
    stages, counts = options.pop("stages"), options.pop("counts")
    return DataOrder(
        3,
        stages,
        counts,
        tokens=8 * batch,
        accumulation=accumulation,
        world=world,
        **options,
    )


def step_of(found: DataOrder, step: int) -> set[Pick]:
    return {
        pick
        for part in range(found.accumulation)
        for rank in range(found.world)
        for pick in found.batch(step, part, rank)
    }


@pytest.mark.parametrize("count", [1, 2, 5, 64, 1000])
def test_shuffling_is_a_permutation_that_the_seed_decides(count: int) -> None:
    once = shuffled(np.arange(count), count, [0, 1])
    assert sorted(once.tolist()) == list(range(count))
    np.testing.assert_array_equal(once, shuffled(np.arange(count), count, [0, 1]))
    if count > 50:
        assert (once != shuffled(np.arange(count), count, [0, 2])).mean() > 0.9
        assert abs(np.corrcoef(once, np.arange(count))[0, 1]) < 0.2


@pytest.mark.parametrize(("world", "accumulation", "batch"), [(2, 1, 2), (1, 2, 2), (2, 2, 1)])
def test_a_step_reads_the_same_examples_on_any_number_of_ranks(
    world: int, accumulation: int, batch: int
) -> None:
    for step in range(40):
        assert step_of(order(world, accumulation, batch), step) == step_of(order(), step)


def test_every_epoch_sees_every_example_once() -> None:
    picks = [pick for step in range(25) for pick in order().batch(step, 0, 0)]
    for epoch in (0, 1):
        seen = [pick.index for pick in picks if pick.epoch == epoch]
        assert sorted(seen) == list(range(50))


def test_a_dataset_with_its_own_order_is_read_in_order() -> None:
    picks = [pick.index for step in range(3) for pick in order(shuffle=False).batch(step, 0, 0)]
    assert picks == list(range(12))


def test_a_stage_keeps_the_tokens_of_a_step_and_repeats_no_epoch() -> None:
    found = order(stages=TWO, counts=[20, 10])
    sizes = [(len(found.batch(step, 0, 0)), found.length(step)) for step in (0, 2, 3, 9)]
    assert sizes == [(8, 4), (8, 4), (4, 8), (4, 8)]
    first = {pick.epoch for step in range(3) for pick in found.batch(step, 0, 0)}
    later = {pick.epoch for step in range(3, 9) for pick in found.batch(step, 0, 0)}
    assert not first & later


def test_skipped_batches_are_not_read_again() -> None:
    usual, skipping = order(), order(skips=[(2, 3)])
    assert skipping.batch(1, 0, 0) == usual.batch(1, 0, 0)
    assert skipping.batch(2, 0, 0) == usual.batch(5, 0, 0)


def test_a_sampler_begins_in_the_middle_and_counts_the_whole_run() -> None:
    whole = BatchOrder(order(), first=0, steps=9, rank=0)
    rest = BatchOrder(order(), first=4, steps=9, rank=0)
    assert list(rest) == list(whole)[4:]
    assert len(rest) == len(whole) == 9


class Sized:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.length, self.epoch = 8, -1

    def __len__(self) -> int:
        return 80 // self.length

    def set_length(self, length: int) -> None:
        self.length = length

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[int, int, int]:
        return self.length, self.epoch, index


def test_a_pick_sets_length_and_epoch() -> None:
    dataset = PickedExamples(Sized())
    assert dataset[Pick(epoch=2, index=1, length=4)] == (4, 2, 1)
    assert dataset[Pick(epoch=0, index=3, length=8)] == (8, 0, 3)


def test_examples_are_counted_at_each_length() -> None:
    assert counts_by_stage(Sized(), TWO) == [20, 10]
