"""Loom files: a dense, chunked [genes, cells] matrix and layers beside it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .dense import DenseColumns
from .hdf5 import open_hdf5
from .matrix import RowMatrix
from .source import CellSource

if TYPE_CHECKING:
    import h5py
    import pandas as pd

# Names in use for the cell and gene names, most usual first.
_CELL_NAMES = ("CellID", "obs_names", "cell_names", "barcode", "barcodes")
_GENE_NAMES = ("Gene", "var_names", "gene_names", "GeneName", "Accession")


class LoomSource(CellSource):
    """A loom file, read by columns; `row_attrs` describe genes and `col_attrs` cells.

    Attributes with one value a cell become columns of obs, those with several become embeddings.
    """

    kind = "loom"

    @cached_property
    def _file(self) -> h5py.File:
        return open_hdf5(self.path, self.name)

    def _read_obs(self) -> pd.DataFrame:
        return _attribute_table(self._file["col_attrs"], _CELL_NAMES, self._file["matrix"].shape[1])

    def _read_var(self, matrix: str) -> pd.DataFrame:
        return _attribute_table(self._file["row_attrs"], _GENE_NAMES, self._file["matrix"].shape[0])

    def _list_matrices(self) -> tuple[str, ...]:
        layers = [name for name in self._file.get("layers", ()) if name != "X"]
        return ("X", *layers)

    def _open_matrix(self, name: str) -> RowMatrix:
        return DenseColumns(self._file["matrix" if name == "X" else f"layers/{name}"])

    def _list_obsm(self) -> tuple[str, ...]:
        attributes = self._file["col_attrs"]
        return tuple(name for name in attributes if len(attributes[name].shape) == 2)

    def _read_obsm(self, key: str) -> np.ndarray:
        return self._file["col_attrs"][key][()]

    def close(self) -> None:
        """Let go of the file and of temporary ones."""
        super().close()
        if "_file" in self.__dict__:
            self._file.close()
            del self.__dict__["_file"]


def _attribute_table(attributes: h5py.Group, name_keys: tuple[str, ...], size: int) -> pd.DataFrame:
    import pandas as pd

    columns = {
        name: _decoded(attributes[name][()])
        for name in attributes
        if hasattr(attributes[name], "shape") and attributes[name].shape == (size,)
    }
    names = next((columns.pop(key) for key in name_keys if key in columns), np.arange(size))
    return pd.DataFrame(columns, index=pd.Index(names.astype(str)))


def _decoded(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "SO":
        return values
    texts = [item.decode() if isinstance(item, bytes) else str(item) for item in values]
    return np.array(texts, dtype=object)
