"""Which documents belong together."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from .documents import TokenDocuments


class GroupIndex:
    """Documents by group, in the order of the groups' numbers.

    Parameters
    ----------
    documents
        With groups.

    Raises
    ------
    InputError
        If they have none.
    """

    def __init__(self, documents: TokenDocuments) -> None:
        if documents.groups is None:
            raise InputError(
                "The documents have no groups, so it is not known which belong together.",
                where="training data",
                fix="Write the shards with the family or domain: writer.add(ids, group=NUMBER).",
            )
        groups = np.asarray(documents.groups)
        self._members = np.argsort(groups, kind="stable")
        self.names, starts = np.unique(groups[self._members], return_index=True)
        self._edges = np.append(starts, len(groups))

    def __len__(self) -> int:
        return len(self.names)

    def members(self, number: int) -> np.ndarray:
        """Numbers of the documents of one group, int64."""
        return self._members[self._edges[number] : self._edges[number + 1]]


def enough(order: np.ndarray, sizes: np.ndarray, length: int) -> np.ndarray:
    """The first of some documents, as many as fill `length` tokens; at least one.

    Examples
    --------
    >>> enough(np.array([4, 0, 2]), np.array([5, 5, 5]), 7).tolist()
    [4, 0]
    """
    return order[: int(np.searchsorted(sizes.cumsum(), length)) + 1]
