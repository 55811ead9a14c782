"""Small files of every single-cell format, written as the programs that make them do."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

NUM_CELLS, NUM_GENES = 97, 23


@pytest.fixture
def counts() -> sparse.csr_matrix:
    """Random counts, 97 cells x 23 genes, with an empty cell and an empty gene."""
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.6, (NUM_CELLS, NUM_GENES)).astype(np.float32)
    dense[5] = 0
    dense[:, 3] = 0
    return sparse.csr_matrix(dense)


@pytest.fixture
def cells(counts: sparse.csr_matrix) -> ad.AnnData:
    """An AnnData with all that a file may hold: raw, a layer, categories, embeddings, slashes."""
    rng = np.random.default_rng(1)
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical(rng.choice(["a", "NK/T"], NUM_CELLS)),
            "depth": rng.random(NUM_CELLS),
        },
        index=[f"lane/1_{number}" for number in range(NUM_CELLS)],
    )
    var = pd.DataFrame({"mean": rng.random(NUM_GENES)}, index=[f"G{i}" for i in range(NUM_GENES)])
    adata = ad.AnnData(counts.copy(), obs=obs, var=var)
    adata.raw = adata.copy()
    adata = adata[:, :20].copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X.data = np.log1p(adata.X.data)
    adata.obsm["X_umap"] = rng.random((NUM_CELLS, 2))
    adata.obsp["graph"] = sparse.eye(NUM_CELLS, format="csr")
    adata.uns["colours"] = {"batch": ["red", "blue"]}
    return adata


def _tenx_v3(path: Path, counts: sparse.csr_matrix, num_antibodies: int = 3) -> Path:
    num_genes = counts.shape[1]
    kinds = [b"Gene Expression"] * (num_genes - num_antibodies)
    kinds += [b"Antibody Capture"] * num_antibodies
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = [f"CELL{i}-1".encode() for i in range(counts.shape[0])]
        group["data"] = counts.data.astype(np.int32)
        group["indices"], group["indptr"] = counts.indices.astype(np.int64), counts.indptr
        group["shape"] = counts.shape[::-1]
        features = group.create_group("features")
        features["id"] = [f"ENSG{i:011d}".encode() for i in range(num_genes)]
        features["name"] = [f"G{i}".encode() for i in range(num_genes)]
        features["feature_type"] = kinds
        features["genome"] = [b"GRCh38"] * num_genes
    return path


def _tenx_v2(path: Path, counts: sparse.csr_matrix) -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("hg19")
        group["barcodes"] = [f"CELL{i}-1".encode() for i in range(counts.shape[0])]
        group["data"], group["indices"], group["indptr"] = (
            counts.data.astype(np.int32),
            counts.indices,
            counts.indptr,
        )
        group["shape"] = counts.shape[::-1]
        group["genes"] = [f"ENSG{i:011d}".encode() for i in range(counts.shape[1])]
        group["gene_names"] = [f"G{i}".encode() for i in range(counts.shape[1])]
    return path


def _tenx_mtx(
    folder: Path, counts: sparse.csr_matrix, *, zipped: bool, shuffled: bool = False
) -> Path:
    folder.mkdir()
    entries = counts.tocoo()
    if shuffled:
        order = np.random.default_rng(2).permutation(counts.nnz)
        entries = sparse.coo_matrix(
            (entries.data[order], (entries.row[order], entries.col[order])), shape=counts.shape
        )
    io.mmwrite(folder / "matrix.mtx", entries.T.astype(np.int64), field="integer")
    names = [f"ENSG{i:011d}\tG{i}" for i in range(counts.shape[1])]
    features = "features.tsv" if zipped else "genes.tsv"
    rows = [f"{name}\tGene Expression" for name in names] if zipped else names
    (folder / features).write_text("\n".join(rows) + "\n")
    barcodes = "".join(f"CELL{i}-1\n" for i in range(counts.shape[0]))
    (folder / "barcodes.tsv").write_text(barcodes)
    if zipped:
        for path in list(folder.iterdir()):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    return folder


def _loom(path: Path, counts: sparse.csr_matrix) -> Path:
    with h5py.File(path, "w") as file:
        dense = counts.toarray().T
        file.create_dataset("matrix", data=dense, chunks=(8, 16), compression="gzip")
        file.create_dataset("layers/spliced", data=dense * 2, chunks=(8, 16))
        file["row_attrs/Gene"] = [f"G{i}".encode() for i in range(counts.shape[1])]
        file["col_attrs/CellID"] = [f"CELL{i}" for i in range(counts.shape[0])]
        file["col_attrs/Sex"] = [b"f"] * counts.shape[0]
        file["col_attrs/UMAP"] = np.random.default_rng(3).random((counts.shape[0], 2))
    return path


@pytest.fixture
def make_file(
    tmp_path: Path, cells: ad.AnnData, counts: sparse.csr_matrix
) -> Callable[[str], Path]:
    """Write the test cells in the format named, and return the path."""

    def zarr(version: int) -> Path:
        import zarr

        path = tmp_path / f"v{version}.zarr"
        ad.io.write_elem(zarr.open_group(path, mode="w", zarr_format=version), "/", cells)
        return path

    def h5ad(name: str, **options) -> Path:
        cells.write_h5ad(tmp_path / name, **options)
        return tmp_path / name

    def recoded(name: str, recode: Callable) -> Path:
        cells.X = recode(cells.X)
        return h5ad(name)

    makers = {
        "h5ad": lambda: h5ad("cells.h5ad"),
        "h5ad_gzip": lambda: h5ad("zipped.h5ad", compression="gzip"),
        "h5ad_dense": lambda: recoded("dense.h5ad", lambda matrix: matrix.toarray()),
        "h5ad_csc": lambda: recoded("csc.h5ad", lambda matrix: matrix.tocsc()),
        "zarr_v2": lambda: zarr(2),
        "zarr_v3": lambda: zarr(3),
        "10x_v2": lambda: _tenx_v2(tmp_path / "v2.h5", counts),
        "10x_v3": lambda: _tenx_v3(tmp_path / "v3.h5", counts),
        "mtx": lambda: _tenx_mtx(tmp_path / "plain", counts, zipped=False),
        "mtx_gz": lambda: _tenx_mtx(tmp_path / "zipped", counts, zipped=True),
        "mtx_shuffled": lambda: _tenx_mtx(tmp_path / "mix", counts, zipped=True, shuffled=True),
        "loom": lambda: _loom(tmp_path / "cells.loom", counts),
    }
    return lambda name: makers[name]()


@pytest.fixture
def old_file(tmp_path: Path, counts: sparse.csr_matrix) -> Callable[[str], Path]:
    """Write an h5ad by hand as anndata 0.6 ("compound") or 0.7 ("0.7") laid it out."""

    def categories(file: h5py.Group, name: str, values: list[str]) -> None:
        file.create_dataset(name, data=values, dtype=h5py.string_dtype())

    def compound(path: Path) -> None:
        with h5py.File(path, "w") as file:
            group = file.create_group("X")
            group.attrs["h5sparse_format"] = b"csr"
            group.attrs["h5sparse_shape"] = counts.shape
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(counts, part)
            file["raw.X"] = counts.toarray() * 2
            obs = np.empty(NUM_CELLS, [("index", "S8"), ("louvain", "i1"), ("depth", "f4")])
            obs["index"] = [f"c{i}".encode() for i in range(NUM_CELLS)]
            obs["louvain"] = np.arange(NUM_CELLS) % 2
            obs["depth"] = np.arange(NUM_CELLS)
            file["obs"] = obs
            var = np.array([(f"G{i}".encode(),) for i in range(NUM_GENES)], [("index", "S8")])
            file["var"], file["raw.var"] = var, var
            obsm = np.zeros(NUM_CELLS, [("X_pca", "f4", (4,)), ("X_umap", "f4", (2,))])
            obsm["X_umap"] = 1.5
            file["obsm"] = obsm
            categories(file.create_group("uns"), "louvain_categories", ["B", "NK/T"])
            file["uns/kept"] = 7

    def grouped(path: Path) -> None:
        with h5py.File(path, "w") as file:
            group = file.create_group("X")
            group.attrs["encoding-type"], group.attrs["encoding-version"] = "csr_matrix", "0.1.0"
            group.attrs["shape"] = counts.shape
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(counts, part)
            for name, size in (("obs", NUM_CELLS), ("var", NUM_GENES)):
                table = file.create_group(name)
                table.attrs["encoding-type"] = "dataframe"
                table.attrs["encoding-version"] = "0.1.0"
                table.attrs["_index"] = "_index"
                prefix = "c" if name == "obs" else "G"
                categories(table, "_index", [f"{prefix}{i}" for i in range(size)])
                table.attrs["column-order"] = np.array(["louvain"], h5py.string_dtype())
                table["louvain"] = (np.arange(size) % 2).astype(np.int8)
                categories(table, "__categories/louvain", ["B", "NK/T"])
                table["louvain"].attrs["categories"] = table["__categories/louvain"].ref
                table["__categories/louvain"].attrs["ordered"] = False
            file.create_group("uns")["kept"] = 7

    def write(layout: str) -> Path:
        path = tmp_path / f"old-{layout}.h5ad"
        {"compound": compound, "0.7": grouped}[layout](path)
        return path

    return write
