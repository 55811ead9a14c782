"""Real blood cells, annotated once."""

from __future__ import annotations

import pytest
import scanpy as sc
from anndata import AnnData

import cellmodels as cm


@pytest.fixture(scope="session")
def _blood() -> AnnData:
    return sc.datasets.pbmc68k_reduced()


@pytest.fixture
def blood(_blood: AnnData) -> AnnData:
    """700 blood cells: X scaled, raw log-normalised, a UMAP."""
    return _blood.copy()


@pytest.fixture(scope="session")
def _annotated(_blood: AnnData) -> AnnData:
    adata = cm.tl.annotate(_blood, copy=True)
    assert adata is not None
    return adata


@pytest.fixture
def annotated(_annotated: AnnData) -> AnnData:
    """The same cells with names, as `cm.tl.annotate` leaves them."""
    return _annotated.copy()
