"""`cm.tl` with a LangCell model: names for candidates in words, the embedding, the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

import cellmodels as cm
from biosequence.errors import ModelError, UsageError

from ...tiny_langcell import FREE


@pytest.fixture
def cells(liver_sample: Callable[..., ad.AnnData]) -> ad.AnnData:
    """Cells that the model has not seen."""
    found = liver_sample(num_cells=360, num_genes=600, seed=1)[240:].copy()
    found.obsm["X_umap"] = np.zeros((found.n_obs, 2))
    return found


def annotate(cells: ad.AnnData, model: Path, **options) -> None:
    given = {"candidates": ["B cell", "T cell", "NK cell", "monocyte", "endothelial cell", FREE]}
    cm.tl.annotate(cells, method="langcell", model=str(model), device="cpu", **(given | options))


@pytest.mark.parametrize("cluster", [True, False])
def test_candidates_in_words_name_the_cells(cells, tiny_langcell, cluster) -> None:
    annotate(cells, tiny_langcell, cluster=cluster)
    is_text = (cells.obs["bioseq_cell_type"] == FREE).to_numpy()
    truth = (cells.obs["truth"] == "hepatocyte").to_numpy()
    assert (is_text == truth).mean() > 0.9
    ids = cells.obs["bioseq_cell_type_ontology_term_id"].astype(str).to_numpy()
    assert set(ids[is_text]) == {""}
    named = ~is_text & (cells.obs["bioseq_cell_type"] != "Unknown").to_numpy()
    assert all(cl_id.startswith("CL:") for cl_id in ids[named])


def test_the_embedding_is_that_of_annotate(cells, tiny_langcell) -> None:
    annotate(cells, tiny_langcell)
    cm.tl.embed(cells, model=str(tiny_langcell), device="cpu", key_added="again")
    np.testing.assert_allclose(cells.obsm["X_again"], cells.obsm["X_bioseq"], atol=1e-6)
    lengths = np.linalg.norm(cells.obsm["X_again"], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_clusters_and_report_come_back_from_the_object(cells, tiny_langcell, tmp_path) -> None:
    annotate(cells, tiny_langcell)
    table = cells.bioseq.clusters()
    of_text = table[table["cell_type"] == FREE]
    assert len(of_text)
    assert set(of_text["ontology_term_id"]) == {""}
    assert (of_text["status"] != "unknown").all()
    cells.bioseq.report(tmp_path / "report.html")
    assert FREE in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_errors_speak_of_arguments(cells, tiny_langcell) -> None:
    with pytest.raises(ModelError, match="Give model=FOLDER"):
        cm.tl.annotate(cells, method="langcell")
    with pytest.raises(UsageError, match="empty"):
        annotate(cells, tiny_langcell, candidates=["B cell", ""])
    assert not [name for name in cells.obs if name.startswith("bioseq")]
