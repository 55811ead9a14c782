"""Which reader a path or an object needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from biosequence.errors import InputError

from .source import CellSource

if TYPE_CHECKING:
    import h5py
    from anndata import AnnData

_FORMATS = ".h5ad, 10x .h5, a 10x folder with matrix.mtx, .zarr, .loom"


def open_cells(source: str | Path | AnnData) -> CellSource:
    """Cells as row blocks, from a file, a folder or an AnnData object.

    The content of a file decides what it is, not its name.

    Parameters
    ----------
    source
        A .h5ad, 10x .h5 or .loom file, a 10x folder, an AnnData zarr store, or AnnData.

    Returns
    -------
    CellSource
        An open context manager; nothing but tables and row pointers has been read.

    Raises
    ------
    InputError
        If it cannot be read as cells: missing, damaged, of another kind, or empty.

    Examples
    --------
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> with open_cells(AnnData(np.eye(5, dtype="float32"))) as cells:
    ...     [(first, block.shape) for first, block in cells.blocks("X", size=3)]
    [(0, (3, 5)), (3, (2, 5))]
    """
    if hasattr(source, "obs_names"):
        from .memory import MemorySource

        cells: CellSource = MemorySource(source)
    else:
        path = Path(source)
        cells = _open_path(path.absolute(), str(source))
    try:
        cells.check()
    except BaseException:
        cells.close()
        raise
    return cells


def _open_path(path: Path, name: str) -> CellSource:
    if not path.exists():
        raise InputError("The file does not exist.", where=name, fix=f"Try: ls {path.parent}")
    if path.is_dir():
        return _open_folder(path, name)
    if path.name.endswith(("matrix.mtx", "matrix.mtx.gz")):
        from .tenx_mtx import TenxMtxSource

        return TenxMtxSource(path, name)
    return _open_hdf5_kind(path, name)


def _open_folder(folder: Path, name: str) -> CellSource:
    from .zarr_store import ZarrSource, is_zarr

    if is_zarr(folder):
        return ZarrSource(folder, name)
    from .tenx_mtx import TenxMtxSource, find_mtx

    found = find_mtx(folder)
    if len(found) > 1:
        raise InputError(
            f"The folder holds {len(found)} matrices: {', '.join(p.name for p in found[:4])}.",
            where=name,
            fix=f"Name the one you mean: {folder / found[0].name}",
        )
    if found:
        return TenxMtxSource(found[0], name)
    raise InputError(
        "This folder holds neither matrix.mtx(.gz), as 10x folders do, nor a zarr store.",
        where=name,
        fix=f"Give one of: {_FORMATS}.",
    )


def _open_hdf5_kind(path: Path, name: str) -> CellSource:
    from .hdf5 import open_hdf5

    with open_hdf5(path, name) as file:
        kind = _kind_of(file)
    if kind == "h5ad":
        from .h5ad import H5adSource

        return H5adSource(path, name)
    if kind == "10x_h5":
        from .tenx_h5 import TenxH5Source

        return TenxH5Source(path, name)
    if kind == "loom":
        from .loom import LoomSource

        return LoomSource(path, name)
    if kind == "mudata":
        raise InputError(
            "This is a MuData file of several modalities.",
            where=name,
            fix="Save its RNA part: mudata.mod['rna'].write_h5ad(...).",
        )
    raise InputError(
        "This HDF5 file is not a single-cell file that can be read here.",
        where=name,
        fix=f"Give one of: {_FORMATS}.",
    )


def _kind_of(file: h5py.File) -> str | None:
    from .tenx_h5 import is_tenx_v2_group

    if "mod" in file and "X" not in file:
        return "mudata"
    if "obs" in file and "var" in file:
        return "h5ad"
    if "matrix" in file:
        matrix = file["matrix"]
        if hasattr(matrix, "keys"):
            return "10x_h5" if {"barcodes", "features", "indptr"} <= set(matrix.keys()) else None
        return "loom" if {"row_attrs", "col_attrs"} <= set(file.keys()) else None
    return "10x_h5" if any(is_tenx_v2_group(file[key]) for key in file) else None
