"""AnnData zarr stores, zarr format 2 and 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .anndata_tree import AnnDataSource

_MARKS = (".zgroup", "zarr.json", ".zmetadata", ".zattrs")


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a zarr store."""
    return any((folder / mark).exists() for mark in _MARKS)


class ZarrSource(AnnDataSource):
    """An AnnData zarr store in a folder."""

    kind = "zarr"

    def _open_root(self) -> Any:
        import zarr

        return zarr.open_group(self.path, mode="r")
