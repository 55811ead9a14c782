"""h5ad files of every age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np

from .anndata_tree import AnnDataSource
from .hdf5 import open_hdf5
from .legacy import read_compound_table

if TYPE_CHECKING:
    import pandas as pd


class H5adSource(AnnDataSource):
    """An h5ad file: CSR, dense or CSC matrices, layouts back to anndata 0.6."""

    kind = "h5ad"

    def _open_root(self) -> h5py.File:
        return open_hdf5(self.path, self.name)

    def table(self, place: str) -> pd.DataFrame:
        """The table at a place in the file, also of the compound kind."""
        element = self.root[place]
        if isinstance(element, h5py.Dataset):
            return read_compound_table(element, self.root.get("uns", {}))
        return super().table(place)

    def _list_obsm(self) -> tuple[str, ...]:
        obsm = self.root.get("obsm")
        if isinstance(obsm, h5py.Dataset):
            return tuple(obsm.dtype.names)
        return super()._list_obsm()

    def _read_obsm(self, key: str) -> np.ndarray:
        if isinstance(self.root["obsm"], h5py.Dataset):
            return self.root["obsm"][key]
        return super()._read_obsm(key)

    def close(self) -> None:
        """Let go of the file and of temporary ones."""
        if "root" in self.__dict__:
            self.root.close()
        super().close()
