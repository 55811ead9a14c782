"""Dense matrices on disk, read a strip at a time and handed on as sparse rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .matrix import MAX_BLOCK_VALUES, RowMatrix

# A strip is what is dense in memory at once: 2**24 float32 values are 64 MiB (float64: 128 MiB).
STRIP_VALUES = 2**24


class DenseRows(RowMatrix):
    """A dense [N, G] array, cells along the first axis."""

    cell_axis = 0

    def __init__(self, array) -> None:
        self._array = array
        self.shape = (int(array.shape[self.cell_axis]), int(array.shape[1 - self.cell_axis]))
        chunks = getattr(array, "chunks", None)
        # Cells in one storage chunk: a strip that ends inside a chunk inflates it twice.
        self._chunk = int(chunks[self.cell_axis]) if chunks else 1

    def _strip(self, start: int, stop: int) -> sparse.csr_matrix:
        return _nonzeros(self._array[start:stop])

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows `start` to `stop` (exclusive)."""
        height = max(1, STRIP_VALUES // max(1, self.shape[1]))
        if height > self._chunk:
            height -= height % self._chunk
        strips = []
        while start < stop:
            end = min(stop, start - start % height + height)
            strips.append(self._strip(start, end))
            start = end
        if len(strips) == 1:
            return strips[0]
        return sparse.vstack(strips, format="csr", dtype=np.float32)

    def block_end(self, start: int, stop: int) -> int:
        """Where a block from `start` has to end, at most `stop`."""
        return min(stop, start + max(1, 2 * MAX_BLOCK_VALUES // max(1, self.shape[1])))

    def take(self, index: np.ndarray) -> sparse.csr_matrix:
        """The rows of a sorted `index`; each storage chunk is inflated once."""
        groups = np.split(index, np.flatnonzero(np.diff(index // self._chunk)) + 1)
        parts = []
        for group in groups:
            first = int(group[0])
            block = self.read(first, int(group[-1]) + 1)
            parts.append(block[group - first])
        return sparse.vstack(parts, format="csr", dtype=np.float32)


class DenseColumns(DenseRows):
    """A dense [G, N] array, cells along the second axis (loom)."""

    cell_axis = 1

    def _strip(self, start: int, stop: int) -> sparse.csr_matrix:
        # Turning the few stored values is twice as fast as reading a dense strip across.
        return _nonzeros(self._array[:, start:stop]).T.tocsr()


def _nonzeros(strip: np.ndarray) -> sparse.csr_matrix:
    """A dense strip as CSR, in half the time of scipy, which looks up both coordinates."""
    strip = np.ascontiguousarray(strip, dtype=np.float32)
    filled = strip != 0
    pointers = np.zeros(len(strip) + 1, dtype=np.int32)
    np.cumsum(filled.sum(axis=1), out=pointers[1:])
    places = np.flatnonzero(filled)
    columns = (places % strip.shape[1]).astype(np.int32)
    return sparse.csr_matrix((strip.ravel()[places], columns, pointers), shape=strip.shape)
