"""`cm.pl`: the pictures show what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData

import cellmodels as cm
from biosequence.errors import InputError, UsageError


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    plt.close("all")


def test_annotation_draws_three_panels_in_the_colours_of_the_types(annotated: AnnData) -> None:
    figure = cm.pl.annotation(annotated, show=False)
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["cell type", "", "confidence"]
    names = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    bars = [matplotlib.colors.to_hex(bar.get_facecolor()) for bar in figure.axes[1].patches]
    categories = annotated.obs["bioseq_cell_type"].cat.categories
    stored = [matplotlib.colors.to_hex(c) for c in annotated.uns["bioseq_cell_type_colors"]]
    assert dict(zip(names, bars, strict=True)) == dict(zip(categories, stored, strict=True))


@pytest.fixture
def _scanpy_shows() -> Iterator[None]:
    before = sc.settings.autoshow
    sc.settings.autoshow = True
    yield
    sc.settings.autoshow = before


@pytest.mark.usefixtures("_scanpy_shows")
def test_annotation_is_shown_when_scanpy_shows(
    annotated: AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert cm.pl.annotation(annotated) is None
    assert cm.pl.annotation(annotated, show=False) is not None
    assert shown == [True]


def test_composition_counts_every_cell(annotated: AnnData) -> None:
    axes = cm.pl.composition(annotated, show=False)
    drawn = [bar.get_width() for bar in axes.patches]
    counts = annotated.obs["bioseq_cell_type"].astype(str).value_counts()
    assert sorted(drawn) == sorted(counts)


def test_composition_of_groups_adds_up_to_one(annotated: AnnData) -> None:
    axes = cm.pl.composition(annotated, groupby="phase", show=False)
    widths = np.array([[bar.get_width() for bar in part] for part in axes.containers])
    np.testing.assert_allclose(widths.sum(axis=0), 1)
    groups = [label.get_text() for label in axes.get_yticklabels()]
    assert groups == sorted(set(annotated.obs["phase"]))
    with pytest.raises(UsageError, match="groupby"):
        cm.pl.composition(annotated, groupby="none", show=False)


def evidence_of(adata: AnnData) -> set[str]:
    clusters = json.loads(adata.uns["bioseq"]["clusters"])
    return {gene for cluster in clusters for gene in cluster["evidence"]}


def test_evidence_shows_genes_of_the_clusters_in_numbered_types(annotated: AnnData) -> None:
    axes = cm.pl.evidence(annotated, n_genes=2, show=False)["mainplot_ax"]
    drawn = [label.get_text() for label in axes.get_xticklabels()]
    assert len(drawn) == len(set(drawn)) > 3
    assert set(drawn) <= evidence_of(annotated)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert [row.split()[0] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    types = set(annotated.obs["bioseq_cell_type"])
    assert {row.split(maxsplit=1)[1] for row in rows} <= types


def test_evidence_reads_the_matrix_that_was_annotated(annotated: AnnData) -> None:
    from cellmodels.annotate.evidence_table import evidence_expression

    named = annotated.obs["bioseq_cell_type"].value_counts().index[:2]
    genes = {named[0]: ["CD79A", "no such gene"], named[1]: ["LYZ"]}
    cells, kept = evidence_expression(annotated, genes, "bioseq")
    assert kept == {named[0]: ["CD79A"], named[1]: ["LYZ"]}
    some = annotated[annotated.obs["bioseq_cell_type"].isin(named)]
    expected = cm.pp.log1p_cp10k(some, copy=True)[:, ["CD79A", "LYZ"]].layers["log1p_cp10k"]
    np.testing.assert_allclose(
        cells[:, ["CD79A", "LYZ"]].X.toarray(), expected.toarray(), rtol=1e-5
    )


def test_evidence_without_clusters_says_how_to_get_it(blood: AnnData) -> None:
    cm.tl.annotate(blood, cluster=False)
    with pytest.raises(InputError, match="cluster=True"):
        cm.pl.evidence(blood, show=False)


def test_pictures_of_cells_without_names_say_what_to_do(blood: AnnData) -> None:
    for draw in (cm.pl.annotation, cm.pl.composition, cm.pl.evidence):
        with pytest.raises(InputError, match=r"cm\.tl\.annotate\(adata\)"):
            draw(blood, show=False)


def test_annotation_without_a_map_says_how_to_make_one(annotated: AnnData) -> None:
    del annotated.obsm["X_umap"]
    with pytest.raises(InputError, match=r"sc\.tl\.umap"):
        cm.pl.annotation(annotated, show=False)


def test_many_types_have_different_colours_and_unknown_is_grey() -> None:
    from cellmodels.pl import type_colours

    for count in (5, 25, 60):
        types = pd.Series([f"type {n}" for n in range(count)] + ["Unknown"] * 3)
        colours = type_colours(types)
        assert len(set(colours.values())) == count + 1
        assert list(colours)[-1] == "Unknown"
