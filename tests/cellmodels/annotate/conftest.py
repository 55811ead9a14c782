"""Whole annotations, by the command line's own door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import pytest

from cellmodels.annotate import AnnotateOptions, AnnotationSummary, annotate_file

Annotate = Callable[..., tuple[ad.AnnData, AnnotationSummary]]


@pytest.fixture
def annotate(tmp_path: Path) -> Annotate:
    """Write cells to a file (or take a file), annotate it; what was written, and the summary."""

    def call(cells: ad.AnnData | Path, **options) -> tuple[ad.AnnData, AnnotationSummary]:
        path = cells
        if isinstance(cells, ad.AnnData):
            path = tmp_path / "cells.h5ad"
            cells.write_h5ad(path)
        summary = annotate_file(path, AnnotateOptions(**({"report": False} | options)))
        # What --json prints must be JSON for any input, and comes after the file is written.
        json.dumps(summary.to_dict(), allow_nan=False)
        return ad.read_h5ad(summary.output), summary

    return call


@pytest.fixture
def cells(liver_sample: Callable[..., ad.AnnData]) -> ad.AnnData:
    """Sixty cells of six types."""
    return liver_sample(num_cells=60, num_genes=600)
