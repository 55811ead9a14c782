"""A matrix on disk, seen as rows of cells."""

# Shape legend: N cells, G genes, K stored values.

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy import sparse

from biosequence.errors import InputError

from .damage import COPY_AGAIN

# A block of 4,096 ordinary cells stores some 8 million values; twice that bounds what dense or
# very deep data can claim: 16 million float32 values and int32 indices are 128 MiB.
MAX_BLOCK_VALUES = 2**24
MAX_PIECE_VALUES = 2**22  # what a sample of rows reads at once
_SMALL_READ = 2**13  # values; reading over such a gap costs less than a second call


class RowMatrix(ABC):
    """Row access to one [N, G] matrix; every block is a float32 CSR matrix.

    Attributes
    ----------
    shape
        Number of cells and of genes.
    """

    shape: tuple[int, int]

    @abstractmethod
    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows `start` to `stop` (exclusive)."""

    @abstractmethod
    def block_end(self, start: int, stop: int) -> int:
        """Where a block from `start` has to end, at most `stop`, to stay small in memory."""

    def close(self) -> None:  # noqa: B027  most matrices leave nothing behind
        """Remove what reading left on disk, if anything."""

    @abstractmethod
    def take(self, index: np.ndarray) -> sparse.csr_matrix:
        """The rows of a sorted `index`, of at least one."""


class CompressedRows(RowMatrix):
    """A CSR matrix whose values stay on disk; only its row pointers (8 bytes a cell) are loaded.

    Parameters
    ----------
    data, indices, indptr
        Arrays that can be sliced: h5py, zarr or a spilled file; [K], [K], [N + 1].
    num_columns
        Number of genes.
    where
        The file, for error messages.
    """

    def __init__(self, data, indices, indptr, num_columns: int, *, where: str) -> None:
        self._data, self._indices, self._where = data, indices, where
        self._indptr = np.asarray(indptr[:], dtype=np.int64)
        self.shape = (len(self._indptr) - 1, int(num_columns))
        stored = min(data.shape[0], indices.shape[0])
        ends = self._indptr[-1] if len(self._indptr) else -1
        if ends < 0 or ends > stored or self._indptr[0] != 0 or np.any(np.diff(self._indptr) < 0):
            raise self._broken("The row pointers do not fit the stored values")

    def _broken(self, what: str) -> InputError:
        return InputError(
            f"{what}: the file is damaged or incomplete.", where=self._where, fix=COPY_AGAIN
        )

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows `start` to `stop` (exclusive)."""
        first, last = int(self._indptr[start]), int(self._indptr[stop])
        data = np.asarray(self._data[first:last]).astype(np.float32, copy=False)
        columns = np.asarray(self._indices[first:last])
        # scipy's C loops trust column numbers; a damaged one would read foreign memory.
        if len(columns) and (columns.min() < 0 or columns.max() >= self.shape[1]):
            raise self._broken(f"Rows {start:,} to {stop:,} name a gene beyond the last one")
        pointers = (self._indptr[start : stop + 1] - first).astype(np.int32)
        columns = columns.astype(np.int32, copy=False)
        return sparse.csr_matrix((data, columns, pointers), shape=(stop - start, self.shape[1]))

    def take(self, index: np.ndarray) -> sparse.csr_matrix:
        """The rows of a sorted `index`; rows that share a storage chunk are read in one piece."""
        chunks = getattr(self._data, "chunks", None)
        reach = chunks[0] if chunks else _SMALL_READ
        first, last = self._indptr[index], self._indptr[index + 1]
        # The second condition keeps one piece small, however close the rows lie.
        apart = (first[1:] - last[:-1] > reach) | (np.diff(first // MAX_PIECE_VALUES) != 0)
        parts = []
        for group in np.split(index, np.flatnonzero(apart) + 1):
            parts.append(self.read(int(group[0]), int(group[-1]) + 1)[group - group[0]])
        return sparse.vstack(parts, format="csr", dtype=np.float32)

    def block_end(self, start: int, stop: int) -> int:
        """Where a block from `start` has to end, at most `stop`."""
        budget = self._indptr[start] + MAX_BLOCK_VALUES
        fits = int(np.searchsorted(self._indptr, budget, side="right")) - 1
        return min(stop, max(start + 1, fits))


class SelectedColumns(RowMatrix):
    """Some columns of another matrix, in their order there."""

    def __init__(self, matrix: RowMatrix, keep: np.ndarray) -> None:
        self._matrix, self._keep = matrix, np.flatnonzero(keep)
        self.shape = (matrix.shape[0], len(self._keep))

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows `start` to `stop` (exclusive)."""
        return self._matrix.read(start, stop)[:, self._keep]

    def take(self, index: np.ndarray) -> sparse.csr_matrix:
        """The rows of a sorted `index`."""
        return self._matrix.take(index)[:, self._keep]

    def block_end(self, start: int, stop: int) -> int:
        """Where a block from `start` has to end, at most `stop`."""
        return self._matrix.block_end(start, stop)

    def close(self) -> None:
        """Let go of the file and of temporary ones."""
        self._matrix.close()
