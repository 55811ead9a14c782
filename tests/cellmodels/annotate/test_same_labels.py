"""The same cells get the same labels, however the file is laid out and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import io, sparse

from cellmodels.annotate import AnnotateOptions, annotate_cells, annotate_file
from cellmodels.annotate.table import annotate_markers
from cellmodels.annotate.table_reading import MarkerList
from cellmodels.genes.tables import read_table


def labels(adata: ad.AnnData, **options) -> pd.DataFrame:
    """Every answer for every cell, by cell name."""
    found = annotate_cells(adata, AnnotateOptions(**options))
    return pd.DataFrame(
        {
            "type": found.cell_type,
            "id": found.ontology_term_id,
            "per_cell": found.per_cell,
            "cluster": found.cluster if found.cluster is not None else "",
            "confidence": found.confidence,
        },
        index=adata.obs_names,
    )


def assert_same(
    one: pd.DataFrame, other: pd.DataFrame, *, tolerance: float = 0.0, least: float = 1.0
) -> None:
    """Equal labels and confidences; `least` is the share of per-cell labels that must be equal."""
    other = other.loc[one.index]
    pd.testing.assert_series_equal(one["type"], other["type"])
    pd.testing.assert_series_equal(one["id"], other["id"])
    assert (one["per_cell"] == other["per_cell"]).mean() >= least
    np.testing.assert_allclose(one["confidence"], other["confidence"], atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def blood() -> ad.AnnData:
    """Real cells: log values of 765 genes."""
    adata = sc.datasets.pbmc68k_reduced()
    return ad.AnnData(
        adata.raw.X.copy(),
        obs=pd.DataFrame(index=adata.obs_names),
        var=pd.DataFrame(index=adata.raw.var_names),
    )


@pytest.fixture(scope="module")
def liver(liver_sample: Callable[..., ad.AnnData]) -> ad.AnnData:
    return liver_sample()


@pytest.fixture(scope="module")
def liver_labels(liver: ad.AnnData) -> pd.DataFrame:
    return labels(liver)


@pytest.mark.parametrize("size", [1, 7, 128])
def test_batch_size_changes_nothing(liver: ad.AnnData, size: int) -> None:
    few = liver[:40].copy() if size == 1 else liver[:150].copy()
    pd.testing.assert_frame_equal(labels(few), labels(few, batch_size=size))


@pytest.mark.parametrize(("method", "size"), [("auto", 97), ("markers", 256)])
def test_batch_size_changes_nothing_on_real_cells(
    blood: ad.AnnData, size: int, method: str
) -> None:
    whole = labels(blood, method=method)
    pd.testing.assert_frame_equal(whole, labels(blood, method=method, batch_size=size))


@pytest.mark.parametrize("name", ["liver", "blood"])
def test_row_order_changes_nothing(name: str, request: pytest.FixtureRequest) -> None:
    adata = request.getfixturevalue(name)
    order = np.random.default_rng(3).permutation(adata.n_obs)
    one, other = labels(adata), labels(adata[order].copy())
    pd.testing.assert_frame_equal(one, other.loc[one.index])


def test_a_cell_alone_gets_the_label_it_gets_among_others(liver: ad.AnnData) -> None:
    together = labels(liver, cluster=False)
    for row in (0, 17, 299):
        assert_same(together.iloc[[row]], labels(liver[[row]].copy(), cluster=False))


def test_logs_of_the_counts_give_the_labels_of_the_counts(
    liver: ad.AnnData, liver_labels: pd.DataFrame
) -> None:
    logs = liver.copy()
    sc.pp.normalize_total(logs, target_sum=1e4)
    sc.pp.log1p(logs)
    assert_same(liver_labels, labels(logs), tolerance=1e-3)


def test_counts_of_another_depth_give_the_same_labels(
    liver: ad.AnnData, liver_labels: pd.DataFrame
) -> None:
    twice = liver.copy()
    twice.X = twice.X * 2
    assert_same(liver_labels, labels(twice), tolerance=1e-3)


@pytest.mark.parametrize("recode", [sparse.csc_matrix, lambda matrix: matrix.toarray()])
def test_storage_changes_nothing(
    liver: ad.AnnData, liver_labels: pd.DataFrame, recode: Callable
) -> None:
    other = liver.copy()
    other.X = recode(other.X)
    pd.testing.assert_frame_equal(liver_labels, labels(other))


@pytest.mark.parametrize("kind", ["h5ad", "zarr", "10x_h5", "10x_mtx", "loom"])
def test_the_format_changes_nothing(
    liver: ad.AnnData, liver_labels: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    path = _saved(liver, tmp_path, kind)
    summary = annotate_file(path, AnnotateOptions(report=False))
    assert summary.output.name == "liver.annotated.h5ad"
    found = ad.read_h5ad(summary.output)
    assert found.obs_names.tolist() == liver.obs_names.tolist()
    for column, expected in (("cell_type", "type"), ("cluster", "cluster")):
        assert found.obs[f"bioseq_{column}"].tolist() == liver_labels[expected].tolist()
    assert (found.obs["bioseq_confidence"].to_numpy() == liver_labels["confidence"]).all()
    assert abs(found.X - liver.X).max() == 0


def test_gene_order_changes_nothing(liver: ad.AnnData, liver_labels: pd.DataFrame) -> None:
    order = np.random.default_rng(4).permutation(liver.n_vars)
    assert_same(liver_labels, labels(liver[:, order].copy()), tolerance=1e-3)


def test_silent_unknown_genes_change_nothing(liver: ad.AnnData, liver_labels: pd.DataFrame) -> None:
    extra = ad.AnnData(
        sparse.csr_matrix((liver.n_obs, 40), dtype=np.float32),
        obs=liver.obs,
        var=pd.DataFrame(index=[f"NotAGene-{i}" for i in range(40)]),
    )
    assert_same(liver_labels, labels(ad.concat([liver, extra], axis=1)), tolerance=1e-3)


@pytest.mark.parametrize("version", ["", ".7"])
def test_ensembl_ids_give_the_labels_of_the_symbols(
    liver: ad.AnnData, liver_labels: pd.DataFrame, version: str
) -> None:
    ids = _ensembl_ids()
    other = liver.copy()
    other.var_names = [ids[name] + version if name in ids else name for name in liver.var_names]
    assert sum(name.startswith("ENSG") for name in other.var_names) > 1400
    assert_same(liver_labels, labels(other), tolerance=1e-3)


def test_a_gene_in_two_columns_counts_once(liver: ad.AnnData, liver_labels: pd.DataFrame) -> None:
    ids = _ensembl_ids()
    names = [gene for gene in ("MS4A1", "NKG7", "CD3D", "LYZ", "ALB", "VWF") if gene in ids]
    columns = [liver.var_names.get_loc(name) for name in names]
    whole = liver.X[:, columns].toarray()
    part = np.random.default_rng(5).binomial(whole.astype(int), 0.5).astype(np.float32)
    first = liver.X.tolil()
    first[:, columns] = whole - part
    split = ad.AnnData(
        sparse.hstack([first.tocsr(), sparse.csr_matrix(part)], format="csr"),
        obs=liver.obs,
        var=pd.DataFrame(index=[*liver.var_names, *(ids[name] for name in names)]),
    )
    found = annotate_cells(split, AnnotateOptions())
    assert "duplicate_genes" in found.check.flags
    assert_same(liver_labels, labels(split), tolerance=1e-3)


def test_the_same_seed_gives_the_same_clusters(liver: ad.AnnData) -> None:
    first, second, other = (annotate_cells(liver, AnnotateOptions(seed=seed)) for seed in (5, 5, 6))
    assert first.cluster.tolist() == second.cluster.tolist()
    assert first.clusters == second.clusters
    np.testing.assert_array_equal(first.embedding, second.embedding)
    np.testing.assert_array_equal(first.embedding, other.embedding)


def test_the_callers_random_numbers_are_left_alone(liver: ad.AnnData) -> None:
    import random

    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    annotate_cells(liver[:60].copy(), AnnotateOptions())
    assert (random.random(), np.random.random()) == expected


def test_case_and_order_of_marker_lists(liver: ad.AnnData) -> None:
    lists = [
        MarkerList("b", ("MS4A1", "CD79A", "CD19", "BANK1")),
        MarkerList("nk", ("GNLY", "NKG7", "KLRD1", "NCAM1")),
    ]
    one, *_ = annotate_markers(lists)
    other, *_ = annotate_markers(lists[::-1])
    pd.testing.assert_frame_equal(one, other[::-1].reset_index(drop=True))


def _saved(adata: ad.AnnData, folder: Path, kind: str) -> Path:
    """The cells in a file of a kind, written as the programs that make them do."""
    cells, genes = adata.obs_names.tolist(), adata.var_names.tolist()
    ids = _ensembl_ids()
    named = [ids.get(gene, gene) for gene in genes]
    if kind == "h5ad":
        adata.write_h5ad(path := folder / "liver.h5ad")
    elif kind == "zarr":
        adata.write_zarr(path := folder / "liver.zarr")
    elif kind == "10x_mtx":
        (path := folder / "liver").mkdir()
        io.mmwrite(path / "matrix.mtx", adata.X.T.astype(int), field="integer")
        rows = [f"{one}\t{gene}\tGene Expression" for one, gene in zip(named, genes, strict=True)]
        (path / "features.tsv").write_text("\n".join(rows) + "\n")
        (path / "barcodes.tsv").write_text("\n".join(cells) + "\n")
    else:
        path = folder / ("liver.loom" if kind == "loom" else "liver.h5")
        with h5py.File(path, "w") as file:
            if kind == "loom":
                file["matrix"] = adata.X.toarray().T
                file["row_attrs/Gene"] = np.array(genes, "S")
                file["col_attrs/CellID"] = np.array(cells, "S")
                file.create_group("layers")
            else:
                for part in ("data", "indices", "indptr"):
                    file[f"matrix/{part}"] = getattr(adata.X, part)
                file["matrix/shape"] = adata.shape[::-1]
                file["matrix/barcodes"] = np.array(cells, "S")
                features = {"id": named, "name": genes, "genome": ["GRCh38"] * len(genes)}
                features["feature_type"] = ["Gene Expression"] * len(genes)
                for name, values in features.items():
                    file[f"matrix/features/{name}"] = np.array(values, "S")
    return path


def _ensembl_ids() -> dict[str, str]:
    """Ensembl id of each human symbol."""
    rows = [line.split("\t") for line in read_table("human").splitlines()[1:]]
    return {symbol: name for name, symbol, *_ in rows if name and symbol}
