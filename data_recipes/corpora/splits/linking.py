"""Pairs that belong together to groups of all that hang together."""

from __future__ import annotations

import numpy as np


def linked_groups(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The group of each of `count` items, int32 (count,), numbered by first member.

    Parameters
    ----------
    count
        How many items there are.
    first, second
        Pairs of items that belong together, int (pairs,) each.

    Examples
    --------
    >>> linked_groups(5, np.array([4, 3]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    _, start, number = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(start), dtype=np.int32)
    order[np.argsort(start)] = np.arange(len(start), dtype=np.int32)
    return order[number]
