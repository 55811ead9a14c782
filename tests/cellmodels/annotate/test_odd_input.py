"""Files that are unusual but sound: they are annotated, and what is odd about them is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc

from cellmodels.genes import orthologs
from cellmodels.inputs.notes import EVERYDAY
from cellmodels.ontology import cell_ontology


def lineages(ids: pd.Series) -> list[str]:
    ontology = cell_ontology()
    return [ontology.lineage(cl_id) if cl_id else "" for cl_id in ids.astype(str)]


def clusters_of(adata: ad.AnnData) -> list[dict]:
    return json.loads(adata.uns["bioseq"]["clusters"])


def test_one_cell(annotate: Callable, cells: ad.AnnData) -> None:
    one = cells[cells.obs["truth"] == "B cell"][:1].copy()
    adata, summary = annotate(one, report=None)
    assert lineages(adata.obs["bioseq_cell_type_ontology_term_id"]) == ["B lineage"]
    assert summary.n_cells == 1
    assert summary.report.stat().st_size > 1000


@pytest.mark.parametrize("num_cells", [2, 3, 5])
def test_a_handful_of_cells(annotate: Callable, cells: ad.AnnData, num_cells: int) -> None:
    few = cells[cells.obs["truth"] == "NK cell"][:num_cells].copy()
    adata, summary = annotate(few)
    ontology, killer = cell_ontology(), "CL:0000623"
    answers = set(adata.obs["bioseq_cell_type_ontology_term_id"].astype(str)) - {""}
    # So few cells may stay Unknown or coarse, but nothing contradicts what they are.
    assert all(ontology.is_a(a, killer) or ontology.is_a(killer, a) for a in answers)
    assert sum(answer["n_cells"] for answer in summary.clusters) == num_cells


@pytest.mark.parametrize("options", [{}, {"cluster_key": "truth"}, {"cluster": False}])
def test_empty_cells_stay_unknown_and_are_told(
    annotate: Callable, cells: ad.AnnData, options: dict
) -> None:
    dense = cells.X.toarray()
    dense[::12] = 0
    cells.X = dense
    adata, summary = annotate(cells, **options)
    found = adata.obs[::12]
    assert set(found["bioseq_cell_type"]) == {"Unknown"}
    assert set(found["bioseq_cell_type_ontology_term_id"].astype(str)) == {""}
    assert (found["bioseq_confidence"] == 0).all()
    assert (np.delete(adata.obs["bioseq_cell_type"], np.s_[::12]) != "Unknown").sum() > 30
    assert "empty_cells" in summary.check["flags"]
    assert any("Unknown" in warning for warning in summary.warnings)


def test_a_cluster_of_empty_cells_says_why_it_is_unknown(
    annotate: Callable, cells: ad.AnnData
) -> None:
    dense = cells.X.toarray()
    empty = (cells.obs["truth"] == "B cell").to_numpy()
    dense[empty] = 0
    cells.X = dense
    adata, _ = annotate(cells, cluster_key="truth")
    answer = next(one for one in clusters_of(adata) if one["cluster"] == "B cell")
    assert answer["status"] == "unknown"
    assert "low overlap" in answer["call"]["reason"]


def test_duplicate_genes_are_added_up_and_told(annotate: Callable, cells: ad.AnnData) -> None:
    twice = ad.concat([cells, cells[:, ["CD3D", "LYZ"]]], axis=1)
    twice.obs = cells.obs
    _, summary = annotate(twice)
    assert "duplicate_genes" in summary.check["flags"]


def test_mouse_genes_are_seen_and_answered(annotate: Callable, cells: ad.AnnData) -> None:
    mouse = orthologs("human", "mouse")
    cells = cells[:, [name in mouse for name in cells.var_names]].copy()
    cells.var_names = [mouse[name][0] for name in cells.var_names]
    cells = cells[:, ~cells.var_names.duplicated()].copy()
    adata, summary = annotate(cells, cluster_key="truth")
    assert summary.check["organism"] == "mouse"
    answer = next(one for one in clusters_of(adata) if one["cluster"] == "B cell")
    assert {"Cd79a", "Ms4a1"} & set(answer["evidence"])


def test_rounded_logs_are_told(annotate: Callable, cells: ad.AnnData) -> None:
    sc.pp.normalize_total(cells, target_sum=1e4)
    cells.X = np.rint(np.log1p(cells.X.toarray()))
    _, summary = annotate(cells)
    assert "rounded_log" in summary.check["flags"]
    assert summary.warnings


def test_variable_genes_only_are_told(
    annotate: Callable, liver_sample: Callable[..., ad.AnnData]
) -> None:
    many = liver_sample(num_cells=60, num_genes=2500)
    few = many[:, ~many.var_names.isin(EVERYDAY)][:, :2000].copy()
    _, summary = annotate(few)
    assert "hvg_only" in summary.check["flags"]
    assert any("variable genes" in warning for warning in summary.warnings)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (lambda truth: truth.cat.codes.astype(int), {"0", "1", "2", "3", "4", "5"}),
        (lambda truth: truth.cat.codes.astype(float), {"0", "1", "2", "3", "4", "5"}),
        (lambda truth: truth.cat.codes.astype("Int64"), {"0", "1", "2", "3", "4", "5"}),
        (lambda truth: "0" + truth.cat.codes.astype(str), {"00", "01", "02", "03", "04", "05"}),
        (lambda truth: truth == "B cell", {"True", "False"}),
    ],
)
def test_cluster_names_of_any_type(
    annotate: Callable, cells: ad.AnnData, values: Callable, names: set[str]
) -> None:
    cells.obs["mine"] = values(cells.obs["truth"].astype("category"))
    adata, summary = annotate(cells, cluster_key="mine")
    assert set(adata.obs["bioseq_cluster"]) == names
    assert {answer["cluster"] for answer in summary.clusters} == names
    assert (adata.obs["mine"].astype(str) == cells.obs["mine"].astype(str)).all()


@pytest.mark.parametrize("kind", ["category", "float", "object"])
def test_cells_without_a_cluster_keep_their_own_answer(
    annotate: Callable, cells: ad.AnnData, kind: str
) -> None:
    codes = cells.obs["truth"].astype("category").cat.codes.astype(float)
    codes[::10] = np.nan
    if kind == "float":
        cells.obs["mine"] = codes
    else:
        texts = codes.map(lambda code: None if np.isnan(code) else f"c{code:.0f}")
        cells.obs["mine"] = texts.astype("category")
        if kind == "object":
            cells.obs["mine"] = cells.obs["mine"].astype(object).where(texts.notna(), np.nan)
            cells.strings_to_categoricals()
    adata, _ = annotate(cells, cluster_key="mine")
    lost = adata.obs[::10]
    assert set(lost["bioseq_cluster"]) == {"not clustered"}
    assert (lost["bioseq_cell_type"].astype(str) == lost["bioseq_cell_type_per_cell"]).all()
    assert adata.obs["mine"].isna().sum() == len(lost)


def test_slashes_in_names_of_cells_and_clusters(annotate: Callable, cells: ad.AnnData) -> None:
    cells.obs["mine"] = pd.Categorical(
        np.where(cells.obs["truth"].isin(["NK cell", "T cell"]), "NK/T", "a/b\\c <x> '\"")
    )
    assert all("/" in name for name in cells.obs_names)
    adata, summary = annotate(cells, cluster_key="mine", report=None)
    assert set(adata.obs["bioseq_cluster"]) == {"NK/T", "a/b\\c <x> '\""}
    assert adata.obs_names.tolist() == cells.obs_names.tolist()
    page = summary.report.read_text(encoding="utf-8")
    assert "NK/T" in page and "<x>" not in page


def test_slashes_in_names_of_columns(annotate: Callable, cells: ad.AnnData, tmp_path: Path) -> None:
    """Older versions of anndata wrote them as folders within obs."""
    cells.obs["mine"] = np.arange(60.0)
    path = tmp_path / "slash.h5ad"
    cells.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        obs = file["obs"]
        obs.create_group("NK")
        file.move("obs/mine", "obs/NK/T")
        obs.attrs["column-order"] = np.array(["truth", "NK/T"], h5py.string_dtype())
    expected = ad.read_h5ad(path)
    adata, _ = annotate(path)
    pd.testing.assert_series_equal(adata.obs["NK/T"], expected.obs["NK/T"])
    assert "bioseq_cell_type" in adata.obs


def test_the_label_unknown_is_no_id(annotate: Callable, cells: ad.AnnData) -> None:
    adata, summary = annotate(cells, min_confidence=1.0)
    assert set(adata.obs["bioseq_cell_type"]) == {"Unknown"}
    assert set(adata.obs["bioseq_cell_type_per_cell"]) == {"Unknown"}
    assert summary.counts == {"Unknown": 60}
    assert all("--min-confidence" in one["call"]["reason"] for one in clusters_of(adata))
    assert ((adata.obs["bioseq_confidence"] < 1) & (adata.obs["bioseq_confidence"] >= 0)).all()


def test_candidates_bound_every_answer(annotate: Callable, cells: ad.AnnData) -> None:
    adata, _ = annotate(cells, candidates=("B cells", "CL:0000623", "monocytes"))
    allowed = {"CL:0000236", "CL:0000623", "CL:0000576", ""}
    assert set(adata.obs["bioseq_cell_type_ontology_term_id"]) <= allowed
    right = adata.obs["truth"].isin(["B cell", "NK cell", "monocyte"])
    assert len(set(adata.obs["bioseq_cell_type_ontology_term_id"][right]) - {""}) == 3
    assert set(adata.uns["bioseq"]["classes"]) == allowed - {""}


def test_annotating_twice_replaces_the_answer(annotate: Callable, cells: ad.AnnData) -> None:
    first, summary = annotate(cells, candidates=("B cell", "T cell"))
    again, _ = annotate(summary.output, output=summary.output.with_name("again.h5ad"))
    once, _ = annotate(cells)
    assert list(again.obs) == list(first.obs)
    pd.testing.assert_frame_equal(again.obs, once.obs)


def test_clusters_of_an_earlier_run_do_not_stay(annotate: Callable, cells: ad.AnnData) -> None:
    first, summary = annotate(cells)
    assert "bioseq_cluster" in first.obs
    again, _ = annotate(
        summary.output, output=summary.output.with_name("again.h5ad"), cluster=False
    )
    assert list(again.obs) == [name for name in first.obs if name != "bioseq_cluster"]


def test_candidates_may_hold_commas(annotate: Callable, cells: ad.AnnData) -> None:
    adata, _ = annotate(cells, candidates="B cell, CD8-positive, alpha-beta T cell,NK cells")
    assert set(adata.uns["bioseq"]["classes"]) == {"CL:0000236", "CL:0000625", "CL:0000623"}


def test_another_key_keeps_the_first_answer(annotate: Callable, cells: ad.AnnData) -> None:
    first, summary = annotate(cells)
    both, _ = annotate(summary.output, output=summary.output.with_name("b.h5ad"), key_added="other")
    pd.testing.assert_frame_equal(both.obs[first.obs.columns], first.obs)
    assert (both.obs["other_cell_type"].astype(str) == both.obs["bioseq_cell_type"]).all()
    assert {"X_bioseq", "X_other"} <= set(both.obsm)


@pytest.mark.parametrize("layout", ["compound", "0.7"])
def test_files_of_old_anndata(
    annotate: Callable, old_file: Callable, tmp_path: Path, layout: str
) -> None:
    path = old_file(layout)
    genes = list(dict.fromkeys([*"CD3D CD3E CD2 MS4A1 CD79A LYZ CD14 NKG7".split(), *EVERYDAY]))
    with pytest.raises(Exception, match="genes"):
        annotate(path)
    with h5py.File(path, "r+") as file:
        counts = np.zeros((97, 58), np.float32)
        counts[:] = np.random.default_rng(0).poisson(3, counts.shape)
        del file["X"]
        file["X"] = counts
        names = np.array(genes[:58], dtype="S20")
        del file["var"]
        if layout == "compound":
            for key in ("raw.X", "raw.var"):
                del file[key]
            file["var"] = np.array([(name,) for name in names], [("index", "S20")])
        else:
            file["X"].attrs["encoding-type"] = "array"
            file["X"].attrs["encoding-version"] = "0.2.0"
            table = file.create_group("var")
            table.attrs["encoding-type"], table.attrs["encoding-version"] = "dataframe", "0.1.0"
            table.attrs["_index"] = "_index"
            table.attrs["column-order"] = np.array([], h5py.string_dtype())
            table["_index"] = names.astype("O")
    adata, _ = annotate(path, cluster_key="louvain", output=tmp_path / "new.h5ad")
    assert set(adata.obs["bioseq_cluster"]) == {"B", "NK/T"}
    assert adata.obs["louvain"].tolist() == adata.obs["bioseq_cluster"].tolist()
    assert adata.uns["kept"] == 7


def test_everything_else_in_the_file_is_unchanged(annotate: Callable, tmp_path: Path) -> None:
    cells = sc.datasets.pbmc68k_reduced()
    cells.layers["counts"] = cells.raw.X.expm1().astype(np.float32)
    cells.obs["number"] = np.arange(cells.n_obs, dtype=np.int8)
    cells.obs["flag"] = np.arange(cells.n_obs) % 2 == 0
    adata, _ = annotate(cells)
    before, after = (_elements(tmp_path / f"{name}.h5ad") for name in ("cells", "cells.annotated"))
    assert {name: after[name] for name in before} == before
    added = {name.split("/")[1] for name in set(after) - set(before)}
    assert added == {
        "bioseq",
        "X_bioseq",
        "bioseq_cell_type",
        "bioseq_cell_type_ontology_term_id",
        "bioseq_confidence",
        "bioseq_cell_type_per_cell",
        "bioseq_cluster",
    }
    assert adata.obs["bioseq_confidence"].dtype == np.float32
    assert adata.obs["bioseq_cell_type"].dtype == "category"


def test_two_runs_write_the_same_answers(annotate: Callable, cells: ad.AnnData, tmp_path) -> None:
    annotate(cells, output=tmp_path / "a.h5ad")
    annotate(cells, output=tmp_path / "b.h5ad")
    one, other = (_elements(tmp_path / name) for name in ("a.h5ad", "b.h5ad"))
    # The record of the run tells its time and its output.
    for found in (one, other):
        del found["uns/bioseq/provenance"]
    assert one == other


def _elements(path: Path) -> dict[str, bytes]:
    """The bytes of every array in an h5ad."""
    found = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            values = np.asarray(item[()])
            # Text is held by pointers, and those differ from one reading to the next.
            text = repr(values.tolist()).encode()
            found[name] = item.dtype.str.encode() + (
                text if values.dtype.hasobject else values.tobytes()
            )

    with h5py.File(path) as file:
        file.visititems(take)
    return found
