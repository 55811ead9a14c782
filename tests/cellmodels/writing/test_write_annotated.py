"""The output holds the input unchanged and the results, for every format."""

from __future__ import annotations

import hashlib
import json

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from biosequence.errors import InputError, UsageError
from cellmodels.stream import open_cells
from cellmodels.writing import annotate_memory, write_annotated

N = 97


@pytest.fixture
def results() -> dict:
    labels = np.array(["T cell", "NK/T", "Unknown"])[np.arange(N) % 3]
    return {
        "obs": {
            "bioseq_cell_type": pd.Categorical(labels),
            "bioseq_confidence": np.linspace(0, 1, N, dtype=np.float32),
            "bioseq_cluster": labels.astype(object),
        },
        "obsm": {"X_bioseq": np.ones((N, 3), dtype=np.float32)},
        "uns": {"bioseq": {"params": {"seed": 0}, "provenance": json.dumps({"a/b": [1]})}},
    }


def holds_results(adata: ad.AnnData, results: dict) -> None:
    assert list(adata.obs["bioseq_cell_type"]) == list(results["obs"]["bioseq_cell_type"])
    assert adata.obs["bioseq_cell_type"].dtype == "category"
    assert adata.obs["bioseq_confidence"].dtype == np.float32
    assert list(adata.obs["bioseq_cluster"]) == list(results["obs"]["bioseq_cluster"])
    np.testing.assert_array_equal(adata.obsm["X_bioseq"], results["obsm"]["X_bioseq"])
    assert adata.uns["bioseq"]["params"]["seed"] == 0
    assert json.loads(adata.uns["bioseq"]["provenance"]) == {"a/b": [1]}


def digest(path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(content).hexdigest()


def read(path) -> ad.AnnData:
    return ad.read_zarr(path) if path.suffix == ".zarr" else ad.read_h5ad(path)


def dense(matrix) -> np.ndarray:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("h5ad", ".h5ad"),
        ("h5ad_gzip", ".h5ad"),
        ("h5ad_dense", ".h5ad"),
        ("h5ad_csc", ".h5ad"),
        ("zarr_v2", ".zarr"),
        ("zarr_v3", ".zarr"),
        ("zarr_v2", ".h5ad"),
        ("zarr_v3", ".h5ad"),
        ("memory", ".h5ad"),
        ("view", ".h5ad"),
        ("backed", ".h5ad"),
    ],
)
def test_anndata_input_survives_whole_with_the_results(
    name, ending, make_file, cells, results, tmp_path
):
    path = make_file("h5ad" if name in ("memory", "view", "backed") else name)
    before = digest(path)
    sources = {
        "memory": lambda: cells,
        "view": lambda: ad.concat([cells, cells], merge="same")[:N],
        "backed": lambda: ad.read_h5ad(path, backed="r"),
    }
    output = tmp_path / "new" / f"out{ending}"
    with open_cells(sources.get(name, lambda: path)()) as source:
        write_annotated(source, output, **results)
    found = read(output)
    holds_results(found, results)
    assert digest(path) == before
    np.testing.assert_array_equal(dense(found.X), dense(cells.X))
    np.testing.assert_array_equal(
        found.layers["counts"].toarray(), cells.layers["counts"].toarray()
    )
    assert list(found.obs_names) == list(cells.obs_names)
    pd.testing.assert_frame_equal(found.obs[["batch", "depth"]], cells.obs)
    if name != "view":
        np.testing.assert_array_equal(found.raw.X.toarray(), cells.raw.X.toarray())
        assert list(found.raw.var_names) == list(cells.raw.var_names)
        assert (found.obsp["graph"] != cells.obsp["graph"]).nnz == 0
        assert list(found.uns["colours"]["batch"]) == ["red", "blue"]
        pd.testing.assert_frame_equal(found.var, cells.var)
    np.testing.assert_array_equal(found.obsm["X_umap"], cells.obsm["X_umap"])
    assert [item.name for item in output.parent.iterdir()] == [output.name]


@pytest.mark.parametrize("name", ["10x_v2", "10x_v3", "mtx", "mtx_gz", "mtx_shuffled", "loom"])
def test_other_formats_become_h5ad(name, make_file, counts, results, tmp_path):
    path = make_file(name)
    before = digest(path)
    output = tmp_path / "out.h5ad"
    with open_cells(path) as source:
        write_annotated(source, output, **results)
        names, obs_names = list(source.var().index), list(source.obs.index)
    found = ad.read_h5ad(output)
    holds_results(found, results)
    assert digest(path) == before
    np.testing.assert_array_equal(found.X.toarray(), counts.toarray()[:, : len(names)])
    assert (list(found.var_names), list(found.obs_names)) == (names, obs_names)
    if name == "loom":
        np.testing.assert_array_equal(found.layers["spliced"].toarray(), counts.toarray() * 2)
        assert found.obsm["UMAP"].shape == (N, 2)


@pytest.mark.parametrize("name", ["h5ad_gzip", "zarr_v3", "memory"])
def test_none_takes_a_column_out(name, make_file, cells, tmp_path):
    source = cells if name == "memory" else make_file(name)
    output = tmp_path / ("out.zarr" if name == "zarr_v3" else "out.h5ad")
    with open_cells(source) as opened:
        obs = {"batch": None, "never_there": None}
        write_annotated(opened, output, obs=obs, obsm={}, uns={})
    assert list(read(output).obs) == ["depth"]


def test_h5ad_elements_that_are_not_results_keep_their_bytes(make_file, results, tmp_path):
    path, output = make_file("h5ad_gzip"), tmp_path / "out.h5ad"
    with open_cells(path) as source:
        write_annotated(source, output, **results)

    def chunks(file: h5py.File) -> dict:
        found = {}

        def visit(name: str, element) -> None:
            if isinstance(element, h5py.Dataset) and element.chunks:
                raw = [
                    element.id.read_direct_chunk(element.id.get_chunk_info(i).chunk_offset)[1]
                    for i in range(element.id.get_num_chunks())
                ]
                found[name] = (raw, dict(element.attrs))

        file.visititems(visit)
        return found

    with h5py.File(path) as old, h5py.File(output) as new:
        before, after = chunks(old), chunks(new)
    assert before and {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["h5ad", "zarr_v2", "zarr_v3"])
def test_annotating_an_annotated_file_replaces_the_results(name, make_file, results, tmp_path):
    path = make_file(name)
    first, second = tmp_path / f"first{path.suffix}", tmp_path / f"second{path.suffix}"
    with open_cells(path) as source:
        write_annotated(source, first, **results)
    results["obs"]["bioseq_confidence"] = np.zeros(N, dtype=np.float32)
    with open_cells(first) as source:
        write_annotated(source, second, **results)
    found = read(second)
    assert (found.obs["bioseq_confidence"] == 0).all()
    assert list(found.obs.columns) == ["batch", "depth", *results["obs"]]


def test_zarr_output_replaces_a_zarr_store_and_renews_consolidated_metadata(
    make_file, results, tmp_path
):
    import zarr

    path, output = make_file("zarr_v3"), tmp_path / "out.zarr"
    zarr.consolidate_metadata(path)
    for _ in range(2):
        with open_cells(path) as source:
            write_annotated(source, output, **results)
    assert "X_bioseq" in zarr.open_consolidated(output)["obsm"]
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("layout", ["compound", "0.7"])
def test_files_of_old_anndata_are_annotated_and_keep_their_content(
    layout, old_file, counts, results, tmp_path
):
    path, output = old_file(layout), tmp_path / "out.h5ad"
    before = digest(path)
    with open_cells(path) as source:
        write_annotated(source, output, **results)
    found = ad.read_h5ad(output)
    holds_results(found, results)
    assert digest(path) == before
    assert list(found.obs["louvain"][:2]) == ["B", "NK/T"]
    np.testing.assert_array_equal(found.X.toarray(), counts.toarray())
    assert found.uns["kept"] == 7 and "louvain_categories" not in found.uns
    if layout == "compound":
        assert (found.obsm["X_umap"] == 1.5).all()
        np.testing.assert_array_equal(dense(found.raw.X), counts.toarray() * 2)


def test_columns_that_anndata_cannot_write_are_written_as_it_can(cells, results, tmp_path):
    cells.obs["G1/S"] = 1.0
    cells.obs["mixed"] = pd.Series([1, "a", None] * 32 + [2], index=cells.obs_names, dtype=object)
    cells.obs["bin"] = pd.cut(cells.obs["depth"], 3)
    cells.obs["text"] = pd.Series(["x"] * N, index=cells.obs_names, dtype="string")
    cells.obs["count"] = pd.array([1, None] * 48 + [3], dtype="Int64")
    with open_cells(cells) as source:
        write_annotated(source, tmp_path / "out.h5ad", **results)
    found = ad.read_h5ad(tmp_path / "out.h5ad").obs
    assert (found["G1_S"] == 1).all() and "G1/S" in cells.obs
    assert list(found["mixed"][:2]) == ["1", "a"] and pd.isna(found["mixed"].iloc[2])
    assert list(found["bin"].cat.categories) == [str(c) for c in cells.obs["bin"].cat.categories]
    assert set(found["text"]) == {"x"} and found["count"].isna().sum() == 48


@pytest.mark.parametrize("place", ["obs", "obsm", "uns", "nested"])
def test_names_with_a_slash_are_refused_before_anything_is_written(
    place, make_file, results, tmp_path
):
    if place == "nested":
        results["uns"]["bioseq"]["params"]["NK/T"] = 1
    else:
        results[place]["NK/T"] = np.ones((N, 2)) if place == "obsm" else np.ones(N)
    with open_cells(make_file("h5ad")) as source, pytest.raises(UsageError, match="NK/T"):
        write_annotated(source, tmp_path / "out.h5ad", **results)
    assert not (tmp_path / "out.h5ad").exists()


def test_results_of_another_length_are_refused(make_file, results, tmp_path):
    results["obs"]["short"] = np.ones(N - 1)
    with open_cells(make_file("h5ad")) as source, pytest.raises(ValueError, match="96 rows"):
        write_annotated(source, tmp_path / "out.h5ad", **results)


def test_zarr_output_of_another_format_names_the_h5ad(make_file, results, tmp_path):
    with open_cells(make_file("loom")) as source, pytest.raises(InputError) as caught:
        write_annotated(source, tmp_path / "out.zarr", **results)
    assert "out.h5ad" in caught.value.fix


def test_annotate_memory_puts_results_in_place(cells, results):
    annotate_memory(cells, **results)
    annotate_memory(cells, **results)
    holds_results(cells, results)
    assert list(cells.obs.columns[:2]) == ["batch", "depth"]


def test_annotate_memory_refuses_a_view_and_leaves_it_one(cells, results):
    view = cells[:N]
    with pytest.raises(InputError, match="view") as caught:
        annotate_memory(view, **results)
    assert "adata.copy()" in caught.value.fix and view.is_view
