"""check_input: the right matrix, the right names, and messages that name the fix."""

from __future__ import annotations

import json

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp

from biosequence.errors import InputError
from cellmodels.genes import gene_table, orthologs
from cellmodels.genes.tables import read_table
from cellmodels.inputs import check_input
from cellmodels.inputs.check import spread_rows
from cellmodels.inputs.columns import antibody_columns
from cellmodels.inputs.notes import EVERYDAY
from cellmodels.stream import open_cells


def coding(organism, num_genes):
    table = gene_table(organism)
    everyday = [
        orthologs("human", "mouse")[symbol][0] if organism == "mouse" else symbol
        for symbol in EVERYDAY
        if organism == "human" or symbol in orthologs("human", "mouse")
    ]
    others = [symbol for symbol in table.symbols if table.gene_class(symbol) == "coding"]
    return list(dict.fromkeys([*everyday, *others]))[:num_genes]


def cells(num_cells=60, num_genes=2000, organism="human", seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.lognormal(0, 0.4, (num_cells, 1)) * rng.gamma(0.3, 2.0, num_genes))
    counts[:, 0] += 1
    adata = ad.AnnData(sp.csr_matrix(counts.astype(np.float32)))
    adata.obs_names = [f"AAACCTG{place:05d}-1" for place in range(num_cells)]
    adata.var_names = coding(organism, num_genes)
    return adata


def logged(matrix):
    total = np.asarray(matrix.sum(1)).ravel()
    return (sp.diags(1e4 / total) @ matrix).log1p().tocsr().astype(np.float32)


def check(adata, **options):
    with open_cells(adata) as source:
        return check_input(source, **options)


def refused(adata, **options):
    with pytest.raises(InputError) as caught:
        check(adata, **options)
    assert caught.value.fix
    return caught.value


def test_counts_in_x_are_read():
    found = check(cells())
    assert (found.matrix, found.state.state, found.organism) == ("X", "counts", "human")
    assert found.flags == found.warnings == ()
    assert found.reason == "Read X: raw counts of 2,000 columns."


def test_counts_are_preferred_to_logs_and_x_to_its_equals():
    adata = cells()
    adata.layers["counts"] = adata.X.copy()
    adata.layers["counts2"] = adata.X.copy()
    adata.X = logged(adata.X)
    found = check(adata)
    assert found.matrix == "counts"
    assert found.reason.endswith("X holds log1p CP10k values.")


def test_scaled_x_gives_way_to_raw():
    adata = cells()
    adata.X = logged(adata.X)
    adata.raw = adata.copy()
    adata.X = adata.X.toarray() - 0.3
    found = check(adata)
    assert (found.matrix, found.state.state) == ("raw", "log1p_cp10k")
    assert "X holds scaled values" in found.reason


def test_full_raw_is_preferred_to_a_selection_of_genes_in_x():
    adata = cells()
    adata.layers["counts"] = adata.X.copy()
    adata.X = logged(adata.X)
    adata.raw = adata.copy()
    found = check(adata[:, 500:1300].copy())
    assert found.matrix == "raw"
    assert found.reason.endswith("X has 800 only.")


def test_parts_of_the_counts_are_not_taken_for_the_counts():
    adata = cells()
    adata.layers["spliced"] = adata.X.copy()
    adata.layers["seen"] = (adata.X > 0).astype(np.float32)
    adata.X = logged(adata.X)
    assert check(adata).matrix == "X"


def test_packaged_pbmc_has_scaled_x_and_logs_in_raw():
    found = check(sc.datasets.pbmc68k_reduced())
    assert (found.matrix, found.state.state, found.organism) == ("raw", "log1p_other", "human")
    assert found.state.log_base == pytest.approx(np.e)
    assert {"hvg_only", "small_panel"} <= set(found.flags)
    assert found.gene_map.n_mapped > 740


def test_scaled_x_by_force_is_refused_with_the_matrix_to_ask_for():
    adata = cells()
    adata.layers["counts"] = adata.X.copy()
    adata.X = adata.X.toarray() - 0.5
    error = refused(adata, layer="X")
    assert "X holds scaled" in error.what
    assert 'raw counts found in: layers["counts"]' in error.where
    assert error.fix == '-> rerun with --layer counts   (python: layer="counts")'


def test_scaled_values_everywhere_are_refused():
    adata = cells()
    adata.X = adata.X.toarray() - 0.5
    error = refused(adata)
    assert "negative, down to -0.5" in error.what
    assert "no other matrix" in error.where


def test_empty_matrix_is_refused():
    adata = cells()
    adata.X = sp.csr_matrix(adata.shape, dtype=np.float32)
    assert "nothing but zeros" in refused(adata).what


def test_unknown_layer_is_refused_with_the_names_there_are():
    adata = cells()
    adata.layers["counts"] = adata.X.copy()
    assert refused(adata, layer="count").fix.endswith("auto, X, counts")


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(poison):
    adata = cells()
    adata.X.data[[3, 4, 5]] = poison
    error = refused(adata)
    assert "3 NaN or infinite values" in error.what
    assert "isfinite" in error.fix


def test_values_that_are_not_finite_leave_the_other_matrix():
    adata = cells()
    adata.layers["counts"] = adata.X.copy()
    adata.X.data[3] = np.nan
    found = check(adata)
    assert found.matrix == "counts"
    assert found.flags == ("non_finite",)


def test_transposed_file_is_refused():
    error = refused(cells().T)
    assert "gene x cell" in error.what
    assert "adata.T" in error.fix


def test_mouse_file_is_known_and_refused_as_human():
    adata = cells(organism="mouse")
    assert check(adata).organism == "mouse"
    error = refused(adata, organism="human")
    assert error.fix == "-> rerun with --organism mouse"
    assert error.where.startswith("AnnData object, gene names such as")


def test_ids_with_versions_map_as_symbols_do():
    adata = cells()
    rows = [line.split("\t") for line in read_table("human").splitlines()[1:]]
    ids = {symbol: name for name, symbol, *_ in rows if name and symbol}
    named = check(adata).gene_map
    adata.var_names = [
        f"{ids.get(name, name)}.{place % 9}" for place, name in enumerate(adata.var_names)
    ]
    found = check(adata).gene_map
    assert found.namespaces["ensembl"] > 1800
    assert (found.symbols == named.symbols).mean() > 0.99


def test_gene_names_are_found_in_the_var_column_that_maps_most():
    adata = cells()
    adata.var["feature_name"] = pd.Categorical(adata.var_names)
    adata.var["gene_ids"] = "nothing"
    adata.var_names = [f"gene_{place}" for place in range(adata.n_vars)]
    found = check(adata)
    assert found.gene_key == "feature_name"
    assert found.gene_map.n_mapped == adata.n_vars
    assert check(adata, gene_key="feature_name").gene_map.n_mapped == adata.n_vars
    assert "gene_1" in refused(adata, gene_key="var_names").where


def test_absent_gene_key_is_refused_with_the_columns_there_are():
    adata = cells()
    adata.var["symbol2"] = "x"
    error = refused(adata, gene_key="symbol")
    assert "'symbol'" in error.what
    assert "symbol2" in error.fix


def test_too_few_known_genes_are_refused():
    adata = cells(num_genes=300)
    adata.var_names = [*adata.var_names[:20], *(f"gene_{place}" for place in range(280))]
    error = refused(adata)
    assert "Only 20 of 300" in error.what
    assert "--gene-key" in error.fix


def test_unknown_genes_are_refused():
    adata = cells(num_genes=300)
    adata.var_names = [f"gene_{place}" for place in range(300)]
    assert "None of the 300" in refused(adata).what


@pytest.mark.parametrize("told", ["feature_types", "names"])
def test_antibody_columns_are_left_out(told):
    adata = cells(num_genes=400)
    proteins = ["CD3", "CD4", "CD19", "CD8A"]
    if told == "feature_types":
        adata.var["feature_types"] = ["Gene Expression"] * 396 + ["Antibody Capture"] * 4
    else:
        proteins = [f"{name}_TotalSeqB" for name in proteins]
    adata.var_names = [*adata.var_names[:396], *proteins]
    found = check(adata)
    assert found.flags == ("small_panel", "antibody_columns")
    assert list(found.state.excluded) == [396, 397, 398, 399]
    assert not any(found.gene_map.symbols[396:])


def test_names_of_genes_are_never_taken_for_antibodies():
    for organism in ("human", "mouse"):
        symbols = list(gene_table(organism).symbols)
        assert not len(antibody_columns(pd.DataFrame(index=symbols)))


def test_duplicate_genes_are_flagged_and_kept():
    adata = cells()
    adata.var_names = [*adata.var_names[:1998], "CD3E", "CD3E"]
    found = check(adata)
    assert found.flags == ("duplicate_genes",)
    assert found.gene_map.n_mapped == 2000


def test_variable_genes_only_are_flagged():
    adata = cells(num_genes=2500)
    adata.X = logged(adata.X)
    found = check(adata[:, 60:].copy())
    assert found.flags == ("hvg_only",)
    assert "all genes" in found.warnings[0]


def test_small_panel_is_flagged_and_a_few_thousand_genes_are_not():
    assert check(cells(num_genes=500)).flags == ("small_panel",)
    assert check(cells(num_genes=3000)).flags == ()


def test_rounded_logs_are_flagged():
    adata = cells()
    adata.X = sp.csr_matrix(np.rint(logged(adata.X).toarray()))
    found = check(adata)
    assert found.flags == ("rounded_log",)
    assert found.state.state == "log1p_other"


def test_empty_cells_are_flagged():
    adata = cells()
    values = adata.X.toarray()
    values[:15] = 0
    adata.X = sp.csr_matrix(values)
    found = check(adata)
    assert found.flags == ("empty_cells",)
    assert "25.0%" in found.warnings[0]


def test_two_species_are_flagged():
    human, mouse = cells(num_genes=600), cells(num_genes=500, organism="mouse")
    human.var_names = [f"GRCh38_{name}" for name in human.var_names]
    mouse.var_names = [f"mm10___{name}" for name in mouse.var_names]
    found = check(ad.concat([human, mouse], axis=1))
    assert found.organism == "human"
    assert "mixed_species" in found.flags
    assert found.gene_map.n_mapped == 600


def test_one_cell_is_enough():
    found = check(cells(num_cells=1))
    assert (found.n_obs, found.state.state) == (1, "counts")
    adata = cells(num_cells=1)
    adata.X = logged(adata.X)
    assert check(adata).state.state == "log1p_cp10k"


def test_findings_fit_json():
    told = json.loads(json.dumps(check(sc.datasets.pbmc68k_reduced()).to_dict()))
    assert told["matrix"] == "raw"
    assert len(told["flags"]) == len(told["warnings"])
    assert [state["matrix"] for state in told["matrices"]] == ["X", "raw"]


@pytest.mark.parametrize("num_cells", [1, 7, 2048, 2049, 2055, 30_011, 1_000_003])
def test_spread_rows_reach_both_ends_in_order(num_cells):
    rows = spread_rows(num_cells)
    assert rows[0] == 0
    assert rows[-1] == num_cells - 1
    assert (np.diff(rows) > 0).all()
    assert len(rows) == min(num_cells, 2048) or num_cells < 2 * 2048
    assert np.diff(rows).max(initial=1) <= max(1, 1.1 * num_cells / 256)


@pytest.mark.parametrize("name", ["baron_mouse_pancreas", "symphony_pbmc_3tech"])
def test_shared_counts_and_their_logs_are_told_apart(shared, name):
    adata = ad.read_h5ad(shared / "data" / "sc" / f"{name}.h5ad")
    organism = "mouse" if "mouse" in name else "human"
    found = check(adata)
    assert (found.state.state, found.organism) == ("counts", organism)
    adata.X = logged(sp.csr_matrix(adata.X, dtype=np.float64))
    assert check(adata).state.state == "log1p_cp10k"


def test_features_that_a_10x_file_has_beside_genes_are_told(tmp_path):
    adata = cells(num_cells=20, num_genes=120)
    names = [*adata.var_names[:110], *(f"CD{place}" for place in range(10))]
    matrix = adata.X.sorted_indices()
    with h5py.File(tmp_path / "filtered.h5", "w") as file:
        group = file.create_group("matrix")
        group["shape"] = np.array([120, 20], dtype=np.int32)
        group["barcodes"] = np.array(list(adata.obs_names), dtype="S")
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(matrix, part)
        features = group.create_group("features")
        features["id"] = features["name"] = np.array(names, dtype="S")
        features["feature_type"] = np.array(
            [b"Gene Expression"] * 110 + [b"Antibody Capture"] * 10, dtype="S"
        )
    found = check(tmp_path / "filtered.h5")
    assert "10 columns are antibodies" in " ".join(found.warnings)
    assert found.gene_map.n_file == 110
