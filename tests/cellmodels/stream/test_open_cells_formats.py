"""Every format is read as the same cells, whatever the size of the blocks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse

from cellmodels.stream import open_cells

ANNDATA = ["h5ad", "h5ad_gzip", "h5ad_dense", "h5ad_csc", "zarr_v2", "zarr_v3"]
OTHERS = ["10x_v2", "10x_v3", "mtx", "mtx_gz", "mtx_shuffled", "loom"]
KINDS = {"h5ad": "h5ad", "zarr": "zarr", "mtx": "10x_mtx", "10x": "10x_h5", "loom": "loom"}


def whole(source, matrix="X", size=4096, **kwargs) -> np.ndarray:
    blocks = [block for _, block in source.blocks(matrix, size=size, **kwargs)]
    assert all(isinstance(b, sparse.csr_matrix) and b.dtype == np.float32 for b in blocks)
    return sparse.vstack(blocks).toarray()


@pytest.mark.parametrize("name", ANNDATA)
def test_open_cells_reads_all_of_an_anndata_file(name, make_file, cells, counts):
    path = make_file(name)
    with open_cells(path) as source:
        assert source.kind == KINDS[name.split("_")[0]]
        assert source.name == str(path)
        assert source.matrices == ("X", "raw", "counts")
        assert source.n_obs == cells.n_obs
        assert (source.n_vars(), source.n_vars("raw")) == (20, 23)
        assert list(source.obs.index) == list(cells.obs_names)
        assert source.obs["batch"].equals(cells.obs["batch"])
        assert list(source.var("raw").index) == list(cells.raw.var_names)
        assert list(source.var("counts").columns) == ["mean"]
        x = cells.X if isinstance(cells.X, np.ndarray) else cells.X.toarray()
        np.testing.assert_array_equal(whole(source), x)
        np.testing.assert_array_equal(whole(source, "raw"), counts.toarray())
        np.testing.assert_array_equal(whole(source, "counts"), counts.toarray()[:, :20])
        assert source.obsm_keys == ("X_umap",)
        np.testing.assert_array_equal(source.obsm("X_umap"), cells.obsm["X_umap"])


@pytest.mark.parametrize("name", OTHERS)
def test_open_cells_reads_formats_without_anndata(name, make_file, counts):
    path = make_file(name)
    kept = 20 if name == "10x_v3" else 23
    with open_cells(path) as source:
        assert source.kind == KINDS[name.split("_")[0]]
        assert source.n_obs == counts.shape[0]
        assert source.obs.index[7].startswith("CELL7")
        assert list(source.var().index) == [f"G{i}" for i in range(kept)]
        np.testing.assert_array_equal(whole(source), counts.toarray()[:, :kept])


@pytest.mark.parametrize("name", ANNDATA + OTHERS)
@pytest.mark.parametrize("size", [1, 7, 96, 1000])
def test_blocks_of_any_size_hold_the_same_rows(name, size, make_file):
    with open_cells(make_file(name)) as source:
        expected = whole(source)
        starts = [first for first, _ in source.blocks("X", size=size)]
        assert starts == list(range(0, source.n_obs, size))
        np.testing.assert_array_equal(whole(source, size=size), expected)
        np.testing.assert_array_equal(whole(source, size=size, start=11, stop=50), expected[11:50])
        index = np.array([0, 1, 5, 40, 41, 42, 96])
        np.testing.assert_array_equal(source.rows("X", index).toarray(), expected[index])
        assert source.rows("X", index[:0]).shape == (0, expected.shape[1])


@pytest.mark.parametrize("name", ANNDATA + OTHERS)
def test_source_of_a_path_survives_pickling_unread_and_read(name, make_file):
    with open_cells(make_file(name)) as source:
        expected = whole(source)
        with pickle.loads(pickle.dumps(source)) as copy:
            np.testing.assert_array_equal(whole(copy, start=30, stop=60), expected[30:60])
            assert copy.name == source.name and copy.kind == source.kind


def test_blocks_stay_small_where_rows_are_long(make_file, monkeypatch):
    from cellmodels.stream import dense, matrix

    for name in ("h5ad", "h5ad_dense"):
        with open_cells(make_file(name)) as source:
            expected = whole(source)
            monkeypatch.setattr(matrix, "MAX_BLOCK_VALUES", 50)
            monkeypatch.setattr(dense, "MAX_BLOCK_VALUES", 50)
            monkeypatch.setattr(dense, "STRIP_VALUES", 60)
            sizes = [block.shape[0] for _, block in source.blocks("X")]
            assert max(sizes) < 20 and sum(sizes) == 97
            np.testing.assert_array_equal(whole(source), expected)
            monkeypatch.setattr(matrix, "MAX_PIECE_VALUES", 50)
            index = np.arange(0, 97, 2)
            np.testing.assert_array_equal(source.rows("X", index).toarray(), expected[index])
            monkeypatch.undo()


@pytest.mark.parametrize("layout", ["compound", "0.7"])
def test_open_cells_reads_files_of_old_anndata(layout, old_file, counts):
    with open_cells(old_file(layout)) as source:
        assert list(source.obs.index[:2]) == ["c0", "c1"]
        assert list(source.obs["louvain"][:3]) == ["B", "NK/T", "B"]
        assert list(source.var().index[:2]) == ["G0", "G1"]
        np.testing.assert_array_equal(whole(source), counts.toarray())
        if layout == "compound":
            assert source.matrices == ("X", "raw")
            assert list(source.var("raw").index[:2]) == ["G0", "G1"]
            np.testing.assert_array_equal(whole(source, "raw"), counts.toarray() * 2)
            assert source.obsm_keys == ("X_pca", "X_umap")
            assert (source.obsm("X_umap") == 1.5).all()


def test_10x_features_that_are_not_genes_are_counted_and_left_out(make_file):
    with open_cells(make_file("10x_v3")) as source:
        assert source.feature_types == {"Gene Expression": 20, "Antibody Capture": 3}
        assert list(source.var().columns) == ["gene_ids", "feature_types", "genome"]


def test_loom_attributes_become_columns_embeddings_and_layers(make_file, counts):
    with open_cells(make_file("loom")) as source:
        assert list(source.obs.columns) == ["Sex"] and set(source.obs["Sex"]) == {"f"}
        assert source.obsm_keys == ("UMAP",) and source.obsm("UMAP").shape == (97, 2)
        np.testing.assert_array_equal(whole(source, "spliced"), counts.toarray() * 2)


def test_mtx_with_a_sample_prefix_is_found(make_file, counts):
    folder = make_file("mtx_gz")
    for path in list(folder.iterdir()):
        path.rename(path.with_name(f"GSM1_{path.name}"))
    for place in (folder, folder / "GSM1_matrix.mtx.gz"):
        with open_cells(place) as source:
            np.testing.assert_array_equal(whole(source), counts.toarray())


def test_csc_file_is_sorted_in_a_temporary_folder_that_close_removes(
    make_file, tmp_path, monkeypatch
):
    from cellmodels.stream import spill

    monkeypatch.setattr(spill, "BUCKET_ENTRIES", 100)
    monkeypatch.setattr(spill.tempfile, "tempdir", str(tmp_path))
    with open_cells(make_file("h5ad_csc")) as source:
        plain = sparse.vstack([block for _, block in source.blocks("counts")])
        assert not list(tmp_path.glob("bioseq-*"))
        np.testing.assert_allclose(whole(source), np.log1p(plain.toarray()), rtol=1e-6)
        assert len(list(tmp_path.glob("bioseq-*"))) == 1
    assert not list(tmp_path.glob("bioseq-*"))
