"""Rows of counts as token ids in descending order: compiled loops over CSR blocks.

Legend: N rows, V columns of the file, T tokens of the vocabulary, Z stored values, I ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import scipy.sparse as sp

# Turns of the sort for each stored value, roughly: what is worth a second thread.
_TURNS = 16


@dataclass(frozen=True)
class Ragged(Sequence[np.ndarray]):
    """Rows of token ids of different lengths, one behind the other.

    Parameters
    ----------
    ids
        All ids, int32 of shape (ids,).
    indptr
        Where each row starts, and the end: int64 of shape (rows + 1,).

    Examples
    --------
    >>> rows = Ragged(np.array([9, 4, 9], np.int32), np.array([0, 2, 3]))
    >>> len(rows), rows[0].tolist(), rows.lengths.tolist()
    (2, [9, 4], [2, 1])
    """

    ids: np.ndarray
    indptr: np.ndarray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        """The ids of a row, or those of several rows as a list."""
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return [self[number] for number in numbers]
        return self.ids[self.indptr[numbers] : self.indptr[numbers + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[number] for number in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """Ids in each row, int64 of shape (rows,)."""
        return np.diff(self.indptr)


def rank(
    block_NV: sp.csr_matrix, token_V: np.ndarray, medians_T: np.ndarray, *, first: int, most: int
) -> Ragged:
    """Tokens of each row by value over median, the highest first; equals by ascending id.

    Parameters
    ----------
    block_NV
        Linear values, not negative, each row on any scale of its own.
    token_V
        Token id of each column, int32; -1 for columns without. Columns of one token add up.
    medians_T
        What a token's value is divided by, float64; read where `token_V` points.
    first
        Id that every row starts with; -1 for none.
    most
        Most ids in a row, `first` included.
    """
    # Torch and numba are for those who rank cells, not for those who open a tokenizer.
    from biosequence.kernels.parallel import share_out

    from .ranking_loops import close_gaps, rank_rows

    num_rows = block_NV.shape[0]
    values_Z = block_NV.data if block_NV.dtype == np.float64 else block_NV.data.astype(np.float32)
    led = int(first >= 0)
    room_N = np.minimum(np.diff(block_NV.indptr), most - led) + led
    starts_N = np.concatenate([[0], np.cumsum(room_N, dtype=np.int64)])
    ids_I = np.empty(starts_N[-1], dtype=np.int32)
    lengths_N = np.empty(num_rows, dtype=np.int64)
    csr = (values_Z, block_NV.indices, block_NV.indptr)
    share_out(
        *(rank_rows, num_rows, _TURNS * block_NV.nnz),
        *(*csr, token_V, medians_T, first, most, starts_N, ids_I, lengths_N),
    )
    close_gaps(starts_N, lengths_N, ids_I)
    indptr = np.concatenate([[0], np.cumsum(lengths_N)])
    # What is kept of a block should not hold the room that was set aside for it.
    ids = ids_I if indptr[-1] == len(ids_I) else ids_I[: indptr[-1]].copy()
    return Ragged(ids, indptr)
