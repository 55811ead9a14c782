"""AnnData on disk, in HDF5 or zarr: the layout is the same, so is the reader."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .dense import DenseRows
from .matrix import CompressedRows, RowMatrix
from .source import CellSource
from .spill import SpilledRows, compressed_column_entries

if TYPE_CHECKING:
    import pandas as pd


class AnnDataSource(CellSource):
    """What h5ad files and zarr stores share; `root` is the open h5py or zarr group."""

    @cached_property
    def root(self) -> Any:
        """The open group; opened again after pickling."""
        return self._open_root()

    @abstractmethod
    def _open_root(self) -> Any: ...

    @cached_property
    def locations(self) -> dict[str, str]:
        """Where each matrix lies: {"X": "X", "raw": "raw/X", "counts": "layers/counts"}."""
        found = {}
        if _is_matrix(self.root, "X"):
            found["X"] = "X"
        # Files from before anndata 0.7 keep raw.X beside X instead of in a group.
        for place in ("raw/X", "raw.X"):
            if _is_matrix(self.root, place):
                found.setdefault("raw", place)
        if "layers" in self.root:
            for layer in self.root["layers"]:
                place = f"layers/{layer}"
                if _is_matrix(self.root, place):
                    found[place if layer in found else layer] = place
        return found

    def _list_matrices(self) -> tuple[str, ...]:
        return tuple(self.locations)

    def _read_obs(self) -> pd.DataFrame:
        return self.table("obs")

    def _read_var(self, matrix: str) -> pd.DataFrame:
        place = self.locations[matrix]
        return self.table(place[:-1] + "var" if place.startswith("raw") else "var")

    def table(self, place: str) -> pd.DataFrame:
        """The table at a place in the file ("obs", "raw/var"), its index as text."""
        from anndata import OldFormatWarning
        from anndata.io import read_elem

        with warnings.catch_warnings():
            # That a file is old is no news to act on: it is read all the same.
            warnings.simplefilter("ignore", OldFormatWarning)
            table = read_elem(self.root[place])
        table.index = table.index.astype(str)
        return table

    def _list_obsm(self) -> tuple[str, ...]:
        return tuple(self.root["obsm"]) if "obsm" in self.root else ()

    def _read_obsm(self, key: str) -> np.ndarray:
        from anndata.io import read_elem

        value = read_elem(self.root["obsm"][key])
        return value.toarray() if hasattr(value, "toarray") else np.asarray(value)

    @property
    def has_raw(self) -> bool:
        """Whether the matrix "raw" is AnnData's raw, and not a layer of that name."""
        return self.locations.get("raw", "").startswith("raw")

    def _open_matrix(self, name: str) -> RowMatrix:
        return open_element(self.root[self.locations[name]], where=self.name)

    def close(self) -> None:
        """Let go of the file and of temporary ones."""
        super().close()
        self.__dict__.pop("root", None)


def _is_group(element: Any) -> bool:
    return hasattr(element, "keys")


def _is_matrix(root: Any, place: str) -> bool:
    if place not in root:
        return False
    element = root[place]
    if _is_group(element):
        return {"data", "indices", "indptr"} <= set(element.keys())
    return len(element.shape) == 2


def open_element(element: Any, *, where: str) -> RowMatrix:
    """Row access to a stored matrix: dense, CSR, or CSC, which is sorted by cell on first read."""
    if not _is_group(element):
        return DenseRows(element)
    attributes = dict(element.attrs)
    # anndata before 0.7 (h5sparse) used names of its own.
    encoding = _text(attributes.get("encoding-type", attributes.get("h5sparse_format", "csr")))
    shape = attributes.get("shape", attributes.get("h5sparse_shape"))
    num_rows, num_columns = (int(number) for number in shape)
    data, indices, indptr = element["data"], element["indices"], element["indptr"]
    if encoding.startswith("csc"):

        def entries():
            return compressed_column_entries(data, indices, indptr)

        return SpilledRows(entries, (num_rows, num_columns), data.shape[0], where=where)
    return CompressedRows(data, indices, indptr, num_columns, where=where)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
