"""The one view of a file of cells that every cell command reads through."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from biosequence.errors import InputError

from .damage import damage_named
from .matrix import RowMatrix

if TYPE_CHECKING:
    import pandas as pd


class CellSource(ABC):
    """Cells, genes and matrices of one file; matrices come as row blocks.

    Use it as a context manager. With a path it can be pickled: the copy opens the file again when
    it is first read, so that other processes can stream row ranges of their own.

    Attributes
    ----------
    name
        The path as given, or "AnnData object".
    path
        The absolute path; None for an object in memory.
    kind
        "h5ad", "10x_h5", "10x_mtx", "zarr", "loom" or "memory".
    """

    kind: str

    def __init__(self, path: Path | None, name: str) -> None:
        self.path = path
        self.name = name
        self._matrices: dict[str, RowMatrix] = {}
        self._vars: dict[str, pd.DataFrame] = {}

    @cached_property
    def obs(self) -> pd.DataFrame:
        """The table of cells, read once; its index are the cell names."""
        with damage_named(self.name, "The table of cells (obs)"):
            return self._read_obs()

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return len(self.obs)

    @cached_property
    def matrices(self) -> tuple[str, ...]:
        """What can be streamed: "X", "raw", then the names of the layers; only those that exist.

        A layer called "X" or "raw" beside a real one is listed as "layers/X" or "layers/raw".
        """
        with damage_named(self.name, "The list of matrices"):
            return self._list_matrices()

    @cached_property
    def obsm_keys(self) -> tuple[str, ...]:
        """Names of the arrays that hold one row for each cell (embeddings)."""
        with damage_named(self.name, "The list of embeddings (obsm)"):
            return self._list_obsm()

    @cached_property
    def feature_types(self) -> dict[str, int]:
        """How many features of each type a 10x file holds, also those left out; else empty."""
        return {}

    @property
    def has_raw(self) -> bool:
        """Whether the matrix "raw" is AnnData's raw, and not a layer of that name."""
        return False

    def var(self, matrix: str = "X") -> pd.DataFrame:
        """The table of genes of `matrix`, columns as in the file; its index are the gene names.

        Raises
        ------
        InputError
            If there is no such matrix.
        """
        self._require(matrix)
        if matrix not in self._vars:
            with damage_named(self.name, f"The table of genes (var) of {matrix}"):
                self._vars[matrix] = self._read_var(matrix)
        return self._vars[matrix]

    def n_vars(self, matrix: str = "X") -> int:
        """Number of genes of `matrix`."""
        return self._matrix(matrix).shape[1]

    def obsm(self, key: str) -> np.ndarray:
        """One embedding, [n_obs, dimensions].

        Raises
        ------
        InputError
            If there is none of that name.
        """
        if key not in self.obsm_keys:
            raise InputError(
                f"There is no embedding called {key!r}.",
                where=self.name,
                fix=f"The file has: {', '.join(self.obsm_keys) or 'none'}.",
            )
        with damage_named(self.name, f"The embedding {key}"):
            return self._read_obsm(key)

    def rows(self, matrix: str, index: np.ndarray) -> sparse.csr_matrix:
        """Some rows, as float32 [len(index), n_vars].

        Parameters
        ----------
        matrix
            Which matrix.
        index
            Row numbers in ascending order, each at most once.

        Raises
        ------
        InputError
            If there is no such matrix, or the file is damaged there.
        """
        rows = self._matrix(matrix)
        if len(index) == 0:
            return sparse.csr_matrix((0, rows.shape[1]), dtype=np.float32)
        with damage_named(self.name, f"A sample of the rows of {matrix}"):
            return rows.take(np.asarray(index, dtype=np.int64))

    def blocks(
        self, matrix: str, size: int = 4096, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, sparse.csr_matrix]]:
        """All rows from `start` to `stop`, block by block, as (first row, float32 CSR block).

        A block has `size` rows, or fewer at the end and wherever `size` rows would be too much
        memory (about 16 million stored values).

        Raises
        ------
        InputError
            If there is no such matrix, or the file is damaged at a block.
        """
        rows = self._matrix(matrix)
        stop = rows.shape[0] if stop is None else min(stop, rows.shape[0])
        while start < stop:
            end = min(start + size, stop)
            with damage_named(self.name, f"{matrix} from row {start + 1:,} to {end:,}"):
                end = rows.block_end(start, end)
                block = rows.read(start, end)
            yield start, block
            start = end

    def check(self) -> None:
        """Fail now rather than while streaming: no matrix, no cells, no genes, sizes that differ.

        Raises
        ------
        InputError
            With what is wrong.
        """
        if not self.matrices:
            raise InputError(
                "The file holds no expression matrix (no X, raw or layers).",
                where=self.name,
                fix="Save the AnnData with its matrix: adata.X must not be None.",
            )
        for matrix in self.matrices:
            num_rows, num_columns = self._matrix(matrix).shape
            if num_rows == 0 or num_columns == 0:
                raise InputError(
                    f"The matrix {matrix} is empty: {num_rows:,} cells x {num_columns:,} genes.",
                    where=self.name,
                    fix="Check the filtering step that wrote this file.",
                )
            if num_rows != self.n_obs or num_columns != len(self.var(matrix)):
                raise InputError(
                    f"{matrix} is {num_rows:,} x {num_columns:,}, but the file names "
                    f"{self.n_obs:,} cells and {len(self.var(matrix)):,} genes for it.",
                    where=self.name,
                    fix="Write the file again from the program that made it.",
                )

    def close(self) -> None:
        """Let go of the file and of temporary ones."""
        for matrix in self._matrices.values():
            matrix.close()
        self._matrices.clear()

    def __enter__(self) -> CellSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self):
        return type(self), (self.path, self.name)

    def _require(self, matrix: str) -> None:
        if matrix not in self.matrices:
            raise InputError(
                f"There is no matrix called {matrix!r}.",
                where=self.name,
                fix=f"Use one of: {', '.join(self.matrices)}.",
            )

    def _matrix(self, name: str) -> RowMatrix:
        self._require(name)
        if name not in self._matrices:
            with damage_named(self.name, f"The matrix {name}"):
                self._matrices[name] = self._open_matrix(name)
        return self._matrices[name]

    def _list_obsm(self) -> tuple[str, ...]:
        return ()

    def _read_obsm(self, key: str) -> np.ndarray:
        raise KeyError(key)

    @abstractmethod
    def _read_obs(self) -> pd.DataFrame: ...

    @abstractmethod
    def _read_var(self, matrix: str) -> pd.DataFrame: ...

    @abstractmethod
    def _list_matrices(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _open_matrix(self, name: str) -> RowMatrix: ...
