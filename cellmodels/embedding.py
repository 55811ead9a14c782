"""Embeddings of the cells of a file, as a new file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .annotate.options import AnnotateOptions

KEY = "X_bioseq"


def embed_file(input: str | Path, output: str | Path, options: AnnotateOptions) -> dict[str, Any]:
    """Write a copy of a file of cells with an embedding in ``obsm["X_bioseq"]``.

    Parameters
    ----------
    input
        A .h5ad, .zarr or .loom file, a 10x .h5 file or folder.
    output
        A .h5ad file, or a .zarr folder for a zarr input; it appears when it is complete.
    options
        Model, device, and what is read; the rest does not count.

    Returns
    -------
    ``cells``, ``without_genes`` (cells whose embedding is zero), ``width``, ``model``, ``input``
    and ``output``, fit for JSON.

    Raises
    ------
    InputError
        If the cells cannot be used, or the output not be written there.
    ModelError
        If the model cannot be read.
    """
    from .annotate.embedding import embed_cells
    from .models.langcell.encoding import warn_of_empty
    from .stream import open_cells
    from .writing import preflight, write_annotated

    with open_cells(input) as source:
        preflight(output, source=source.path)
        embedding = embed_cells(source, options)
        warn_of_empty(embedding)
        write_annotated(source, output, obs={}, obsm={KEY: embedding}, uns={})
    return {
        "cells": len(embedding),
        "without_genes": int((~embedding.any(axis=1)).sum()),
        "width": embedding.shape[1],
        "model": str(options.model),
        "input": str(input),
        "output": str(output),
    }
