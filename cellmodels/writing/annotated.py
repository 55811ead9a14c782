"""The input and the results, as one new file."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from biosequence.atomic import atomic_path
from biosequence.disk import require_space, size_on_disk

from ..stream.anndata_tree import AnnDataSource
from ..stream.source import CellSource
from .checks import preflight, require_format
from .patching import put_results
from .results import Results
from .streaming import write_streamed


def write_annotated(
    source: CellSource,
    output: str | Path,
    *,
    obs: Mapping[str, Any],
    obsm: Mapping[str, np.ndarray],
    uns: Mapping[str, Any],
) -> None:
    """Write the whole input with the results added; the input itself is not touched.

    h5ad and zarr inputs are copied and only the new elements are written into the copy, so all
    others keep their bytes. Other inputs, and zarr to .h5ad, are streamed into a new h5ad file with
    CSR matrices of float32 (of 10x files: the gene expression features).

    Parameters
    ----------
    source
        The open input.
    output
        A .h5ad file, or a .zarr folder for a zarr input. It appears when it is complete.
    obs
        Columns for the table of cells, one value a cell, in the order of the input. A column of the
        same name is replaced; None takes it out.
    obsm
        Embeddings, [n_obs, dimensions].
    uns
        Unstructured results by name.

    Raises
    ------
    InputError
        If the output cannot be written there, or the disk is full.
    UsageError
        If a name holds "/".
    """
    output = Path(output)
    results = Results(num_cells=source.n_obs, obs=obs, obsm=obsm, uns=uns)
    preflight(output, source=source.path)
    require_format(output, source.kind)
    needed = results.size() + (size_on_disk(source.path) if source.path else 0)
    require_space(output, needed)
    with atomic_path(output, needed=needed) as partial:
        if source.kind == "h5ad" and isinstance(source, AnnDataSource):
            shutil.copyfile(source.path, partial)
            with h5py.File(partial, "r+") as root:
                put_results(root, source, results)
        elif output.suffix == ".zarr" and isinstance(source, AnnDataSource):
            shutil.copytree(source.path, partial)
            _patch_zarr(partial, source, results)
        else:
            write_streamed(source, partial, results)


def _patch_zarr(folder: Path, source: AnnDataSource, results: Results) -> None:
    import zarr

    with warnings.catch_warnings():
        # Notices of zarr and anndata to those who choose a layout; a copy keeps the layout it has.
        warnings.filterwarnings("ignore", message="zarr v3 autosharding")
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        # Consolidated metadata would hide new elements: write past it, then renew it.
        root = zarr.open_group(folder, mode="r+", use_consolidated=False)
        put_results(root, source, results)
        if source.root.metadata.consolidated_metadata is not None:
            zarr.consolidate_metadata(root.store)
