"""Keys and groups to train, validation and test, in given parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from biosequence.errors import UsageError

from ..recipe import Option, Value

# What every recipe with a split of its own offers.
SPLIT_OPTIONS = {
    "validation": Option(0.05, "Part of the data for validation."),
    "test": Option(0.05, "Part of the data for the test."),
    "seed": Option(0, "Another number gives another split."),
}


@dataclass(frozen=True, slots=True)
class Fractions:
    """Parts of validation and test; training gets the rest.

    Raises
    ------
    UsageError
        If one is negative, or nothing is left for training.

    Examples
    --------
    >>> Fractions(validation=0.1, test=0.1).train
    0.8
    """

    validation: float = 0.05
    test: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise UsageError(
                f"validation={self.validation} and test={self.test} leave nothing to train on.",
                where="options validation and test",
                fix="Give parts from 0 whose sum is below 1.",
            )

    @classmethod
    def of(cls, options: Mapping[str, Value]) -> Self:
        """Those of a job's options."""
        return cls(
            float(options["validation"]), float(options["test"]), int(options.get("seed", 0))
        )

    @property
    def train(self) -> float:
        """Part of training."""
        return 1 - self.validation - self.test


def place_of_key(key: str | bytes, seed: int = 0) -> int:
    """A number below 2**64 that a key always gets, on every machine."""
    raw = key.encode() if isinstance(key, str) else key
    salt = seed.to_bytes(8, "little", signed=True)
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8, salt=salt).digest(), "little")


def split_of_key(key: str | bytes, fractions: Fractions) -> str:
    """The split of a key alone: it stays there when other data come or go.

    Parts are met in the mean, for many keys.

    Examples
    --------
    >>> split_of_key("CCO", Fractions()) == split_of_key("CCO", Fractions())
    True
    """
    place = place_of_key(key, fractions.seed) / 2**64
    if place < fractions.test:
        return "test"
    return "validation" if place < fractions.test + fractions.validation else "train"


def assign_groups(
    keys: Sequence[str | bytes], weights: Sequence[int], fractions: Fractions
) -> list[str]:
    """The split of each group, near the parts wanted, however unequal the groups are.

    Groups are taken in the order of a hash of their key, which fills the test set, then
    validation; one that would overfill a set is passed over, so that the largest train. A set
    that is wanted and got nothing takes the smallest group that is left, while training keeps one.

    Parameters
    ----------
    keys
        One for each group, all different.
    weights
        How much is in each: records, or letters.
    fractions
        The parts.

    Examples
    --------
    >>> assign_groups(["a", "b", "c"], [100, 1, 1], Fractions(0.1, 0.1))[0]
    'train'
    """
    order = sorted(range(len(keys)), key=lambda i: (place_of_key(keys[i], fractions.seed), i))
    total = sum(weights)
    splits = ["train"] * len(keys)
    for name, part in (("test", fractions.test), ("validation", fractions.validation)):
        room, filled = part * total, 0
        for index in order:
            if splits[index] == "train" and filled + weights[index] <= room:
                splits[index] = name
                filled += weights[index]
        left = [index for index in order if splits[index] == "train"]
        if part > 0 and not filled and len(left) > 1:
            splits[min(left, key=lambda index: weights[index])] = name
    return splits


def fill_largest_first(sizes: Sequence[int], fractions: Fractions) -> list[str]:
    """The scaffold split of MoleculeNet: large groups train, small ones are the test.

    Groups are taken from the largest to the smallest, of equal ones the later first, and go into
    training while it has room, then into validation while both have, else into the test.

    Parameters
    ----------
    sizes
        Of the groups, in the order of their first members.
    fractions
        The parts.

    Examples
    --------
    >>> fill_largest_first([1, 8, 1], Fractions(0.1, 0.1))
    ['test', 'train', 'validation']
    """
    total = sum(sizes)
    room = {
        "train": fractions.train * total,
        "validation": (fractions.train + fractions.validation) * total,
    }
    splits, train, validation = ["test"] * len(sizes), 0, 0
    # Rounding must not keep out a group that fits exactly.
    slack = 1e-9 * max(total, 1)
    for index in sorted(range(len(sizes)), key=lambda i: (sizes[i], i), reverse=True):
        if train + sizes[index] <= room["train"] + slack:
            splits[index], train = "train", train + sizes[index]
        elif train + validation + sizes[index] <= room["validation"] + slack:
            splits[index], validation = "validation", validation + sizes[index]
    return splits
