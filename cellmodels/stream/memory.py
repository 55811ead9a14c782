"""AnnData objects: in memory, backed by a file, or a view of either."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .matrix import MAX_BLOCK_VALUES, RowMatrix
from .source import CellSource

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


class MemoryRows(RowMatrix):
    """Rows of anything that can be sliced by rows: numpy, scipy, dask, backed."""

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows `start` to `stop` (exclusive)."""
        return _to_csr(self._matrix[start:stop])

    def take(self, index: np.ndarray) -> sparse.csr_matrix:
        """The rows of a sorted `index`."""
        return _to_csr(self._matrix[index])

    def block_end(self, start: int, stop: int) -> int:
        """Where a block from `start` has to end, at most `stop`."""
        if isinstance(self._matrix, sparse.csr_matrix | sparse.csr_array):
            budget = int(self._matrix.indptr[start]) + MAX_BLOCK_VALUES
            fits = int(np.searchsorted(self._matrix.indptr, budget, side="right")) - 1
        else:
            fits = start + 2 * MAX_BLOCK_VALUES // max(1, self.shape[1])
        return min(stop, max(start + 1, fits))


class MemorySource(CellSource):
    """An AnnData object; nothing in it is changed.

    Objects backed by a file are read from it block by block; a view has its part of X in memory.
    """

    kind = "memory"

    def __init__(self, adata: AnnData) -> None:
        super().__init__(None, "AnnData object")
        self.adata = adata

    def _read_obs(self) -> pd.DataFrame:
        return _with_text_index(self.adata.obs)

    def _read_var(self, matrix: str) -> pd.DataFrame:
        return _with_text_index(
            self.adata.raw.var if matrix == "raw" and self.has_raw else self.adata.var
        )

    @property
    def has_raw(self) -> bool:
        """Whether the matrix "raw" is AnnData's raw, and not a layer of that name."""
        return self.adata.raw is not None

    @cached_property
    def _elements(self) -> dict[str, Any]:
        """Matrices by name, as AnnData hands them out."""
        adata = self.adata
        found: dict[str, Any] = {}
        main = adata.X
        if main is not None:
            found["X"] = main
        if self.has_raw:
            found["raw"] = adata.raw.X
        # anndata 0.13 lists X among the layers, under None.
        for layer in (name for name in adata.layers if name is not None):
            found[f"layers/{layer}" if layer in found else layer] = adata.layers[layer]
        return found

    def _list_matrices(self) -> tuple[str, ...]:
        return tuple(self._elements)

    def _open_matrix(self, name: str) -> RowMatrix:
        matrix = self._elements[name]
        if isinstance(matrix, sparse.csc_matrix | sparse.csc_array):
            # Slicing rows out of columns scans the whole matrix every time; turning it costs once.
            matrix = matrix.tocsr()
        return MemoryRows(matrix)

    def _list_obsm(self) -> tuple[str, ...]:
        return tuple(self.adata.obsm)

    def _read_obsm(self, key: str) -> np.ndarray:
        value = self.adata.obsm[key]
        return value.toarray() if hasattr(value, "toarray") else np.asarray(value)

    def __reduce__(self):
        return type(self), (self.adata,)


def _with_text_index(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis(table.index.astype(str), axis=0)


def _to_csr(block: Any) -> sparse.csr_matrix:
    if hasattr(block, "compute"):
        block = block.compute()
    if not sparse.issparse(block):
        block = np.asarray(block, dtype=np.float32)
        return sparse.csr_matrix(block)
    # scipy slices of whole rows may share the caller's arrays, and blocks are ours to change.
    return sparse.csr_matrix(block, dtype=np.float32, copy=True)
