"""`cm.tl.embed` and `cm.tl.annotate_markers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData

import cellmodels as cm
from biosequence.errors import InputError
from cellmodels.annotate import AnnotateOptions, annotate_file

LISTS = {
    "b": ["MS4A1", "CD79A", "CD79B", "BANK1", "TNFRSF13C", "CD19"],
    "mono": ["LYZ", "CD14", "S100A8", "S100A9", "FCN1", "VCAN"],
}


def test_embed_is_the_embedding_of_annotate(blood: AnnData, annotated: AnnData) -> None:
    cm.tl.embed(blood, batch_size=97)
    assert np.array_equal(blood.obsm["X_bioseq"], annotated.obsm["X_bioseq"])
    assert not [name for name in blood.obs if name.startswith("bioseq")]
    assert "bioseq" not in blood.uns


def test_embed_brings_cells_of_a_type_together(liver_sample) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    cells = liver_sample()
    cm.tl.embed(cells, key_added="e")
    nearest = KNeighborsClassifier(10).fit(cells.obsm["X_e"][:150], cells.obs["truth"][:150])
    assert nearest.score(cells.obsm["X_e"][150:], cells.obs["truth"][150:]) > 0.9


def test_embed_refuses_a_view_and_copies(blood: AnnData) -> None:
    with pytest.raises(InputError, match="view"):
        cm.tl.embed(blood[:50])
    found = cm.tl.embed(blood[:50], copy=True)
    assert found is not None
    assert found.obsm["X_bioseq"].shape[0] == 50
    assert "X_bioseq" not in blood.obsm


def as_long(lists: dict[str, list[str]]) -> pd.DataFrame:
    rows = [(name, gene) for name, genes in lists.items() for gene in genes]
    return pd.DataFrame(rows, columns=["cluster", "gene"])


def as_wide(lists: dict[str, list[str]]) -> pd.DataFrame:
    joined = [", ".join(genes) for genes in lists.values()]
    return pd.DataFrame({"cluster": list(lists), "markers": joined})


def test_every_form_of_marker_table_gives_the_same_answer(tmp_path: Path) -> None:
    found = cm.tl.annotate_markers(LISTS, tissue="blood")
    assert found["cluster"].to_list() == ["b", "mono"]
    assert "B cell" in found.loc[0, "cell_type"]
    assert "monocyte" in found.loc[1, "cell_type"]
    pd.testing.assert_frame_equal(cm.tl.annotate_markers(as_long(LISTS), tissue="blood"), found)
    pd.testing.assert_frame_equal(cm.tl.annotate_markers(as_wide(LISTS), tissue="blood"), found)
    as_wide(LISTS).to_csv(tmp_path / "m.csv", index=False)
    annotate_file(tmp_path / "m.csv", AnnotateOptions(tissue="blood"))
    written = pd.read_csv(tmp_path / "m.annotated.csv")
    assert written["cell_type"].to_list() == found["cell_type"].to_list()


def test_a_table_of_scanpy_serves_as_it_is(blood: AnnData) -> None:
    sc.tl.rank_genes_groups(blood, "louvain")
    table = sc.get.rank_genes_groups_df(blood, group=None)
    table["group"] = table["group"].astype(int)
    found = cm.tl.annotate_markers(table, tissue="blood")
    assert found["cluster"].to_list() == [str(n) for n in range(11)]
    assert found["confidence"].between(0, 1).all()


def test_a_table_without_genes_is_refused_with_its_columns() -> None:
    with pytest.raises(InputError, match="names, scores"):
        cm.tl.annotate_markers(pd.DataFrame({"names": ["CD3E"], "scores": [1.0]}))
    with pytest.raises(InputError, match="no gene"):
        cm.tl.annotate_markers({"0": []})
