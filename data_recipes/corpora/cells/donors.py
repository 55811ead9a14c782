"""Cells by the person or animal they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..recipe import Value
from ..splits.fractions import Fractions, assign_groups

# What studies write where they do not know, or mixed, the donors.
_NOBODY = {"", "na", "nan", "none", "unknown", "pooled", "pool", "multiple"}


def donor_keys(donors: Sequence[str], studies: Sequence[str]) -> list[str]:
    """What must stay together: the donor, whatever the study; without one, the study.

    The same name in two studies may be two people. Keeping them together is safe.

    Examples
    --------
    >>> donor_keys(["D1", "unknown"], ["a", "b"])
    ['donor D1', 'study b']
    """
    return [
        f"study {study}" if str(donor).strip().lower() in _NOBODY else f"donor {donor}"
        for donor, study in zip(donors, studies, strict=True)
    ]


def donor_splits(
    donors: Sequence[str], studies: Sequence[str], options: Mapping[str, Value]
) -> np.ndarray:
    """The split of each cell, text (cells,); no donor is in two.

    Examples
    --------
    >>> options = {"validation": 0.2, "test": 0.2, "seed": 0}
    >>> found = donor_splits(["a", "a", "b", "c", "d"], ["s"] * 5, options)
    >>> bool(found[0] == found[1])
    True
    """
    names, group_of, sizes = np.unique(
        donor_keys(donors, studies), return_inverse=True, return_counts=True
    )
    splits = assign_groups(names.tolist(), sizes.tolist(), Fractions.of(options))
    return np.array(splits)[group_of]
