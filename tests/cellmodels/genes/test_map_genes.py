"""map_genes: each name by its own kind, the organism by the names."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import scipy.sparse as sp

from biosequence.errors import InputError, UsageError
from cellmodels.genes import gene_table, map_genes, official_symbol

HUMAN = ["CD3E", "PTPRC", "LYZ", "ZNF101", "LINC00299", "GNLY"]
MOUSE = ["Cd3e", "Ptprc", "Lyz2", "Zfp101", "H2-Aa", "Ly6c2"]


@pytest.mark.parametrize(
    ("name", "symbol", "namespace"),
    [
        ("CD3E", "CD3E", "symbol"),
        ("FAM46A", "TENT5A", "alias"),
        ("ARNTL", "BMAL1", "alias"),
        ("ENSG00000141510", "TP53", "ensembl"),
        ("ENSG00000141510.17", "TP53", "ensembl"),
        ("TP53_ENSG00000141510.17", "TP53", "ensembl"),
        ("ENSG00000141510.17|TP53", "TP53", "ensembl"),
        ("GRCh38_CD3E", "CD3E", "symbol"),
        ("hg19_ENSG00000141510", "TP53", "ensembl"),
        ("GRCh38___MS4A1", "MS4A1", "symbol"),
        ("MATR3-1", "MATR3", "symbol"),
        ("MATR3.1", "MATR3", "symbol"),
        ("HLA.DRA", "HLA-DRA", "symbol"),
        ("MT.CO1", "MT-CO1", "symbol"),
        ("HLA-DRB1-1", "HLA-DRB1", "symbol"),
        (" LYZ ", "LYZ", "symbol"),
        ("c1ORF112", None, None),
        ("cd3e", "CD3E", "symbol"),
        ("RP11-782C8.1", "", "unmapped"),
        ("AAACCTGAGAAACCAT-1", "", "unmapped"),
        ("ENSG99999999999", "", "unmapped"),
        ("", "", "unmapped"),
    ],
)
def test_map_genes_reads_each_kind_of_human_name(name, symbol, namespace):
    genes = map_genes([*HUMAN, name])
    if symbol is None:
        symbol, namespace = official_symbol("C1orf112", "human"), "alias"
    assert genes.symbols[-1] == symbol
    expected = len(HUMAN) + 1 if namespace == "symbol" else 1
    assert genes.namespaces[namespace] == expected


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("ENSMUSG00000026395.17", "Ptprc"),
        ("Fam46a", "Tent5a"),
        ("Emr1", "Adgre1"),
        ("mm10___Cd8a", "Cd8a"),
        ("CD8A", "Cd8a"),
        ("mt.Co1", "mt-Co1"),
    ],
)
def test_map_genes_reads_each_kind_of_mouse_name(name, symbol):
    genes = map_genes([*MOUSE, name])
    assert genes.organism == "mouse"
    assert genes.symbols[-1] == symbol


def test_map_genes_leaves_an_alias_of_several_genes_alone():
    # CD16 is an alias of FCGR3A and of FCGR3B.
    assert map_genes([*HUMAN, "CD16"]).symbols[-1] == ""


@pytest.mark.parametrize("organism", ["human", "mouse"])
def test_current_symbols_win_over_every_other_reading(organism):
    table = gene_table(organism)
    assert all(table.find(symbol) == (symbol, "symbol") for symbol in table.symbols)


def test_a_symbol_that_ends_like_a_copy_is_itself():
    table = gene_table("human")
    ending = [symbol for symbol in table.symbols if symbol[-2:] == "-1"]
    assert ending
    assert all(table.find(symbol)[0] == symbol for symbol in ending)


@pytest.mark.parametrize("names", [HUMAN, MOUSE])
def test_map_genes_auto_takes_the_organism_of_the_names(names):
    expected = "human" if names is HUMAN else "mouse"
    assert map_genes(names).organism == expected


def test_map_genes_knows_a_mouse_file_in_capitals_by_the_genes_that_humans_lack():
    names = [symbol.upper() for symbol in list(gene_table("mouse").symbols)[:20_000]]
    genes = map_genes(names)
    assert genes.organism == "mouse"
    assert genes.n_mapped == len(names)


@pytest.mark.parametrize(("names", "asked"), [(MOUSE * 3, "human"), (HUMAN * 3, "mouse")])
def test_map_genes_refuses_the_other_organism_and_names_the_option(names, asked):
    other = "mouse" if asked == "human" else "human"
    with pytest.raises(InputError, match=f"are {other}, not {asked}") as caught:
        map_genes(names, organism=asked)
    assert f"--organism {other}" in caught.value.fix


def test_map_genes_refuses_mouse_ids_as_human():
    ids = [f"ENSMUSG000000263{place:02d}" for place in range(60)]
    with pytest.raises(InputError, match="mouse, not human"):
        map_genes(ids, organism="human")


def test_map_genes_of_a_two_species_reference_reads_one():
    names = ["GRCh38_CD3E", "GRCh38_LYZ", "GRCh38_ACTB", "mm10___Cd3e", "mm10___Actb"]
    genes = map_genes(names)
    assert genes.organism_votes == {"human": 3, "mouse": 2}
    assert genes.organism == "human"
    assert map_genes(names, organism="mouse").organism == "mouse"


def test_two_species_reference_does_not_fold_mouse_genes_into_human_ones():
    names = ["GRCh38_CD3E", "GRCh38_LYZ", "GRCh38_ACTB", "mm10___Cd3e", "mm10___Actb"]
    assert list(map_genes(names).symbols) == ["CD3E", "LYZ", "ACTB", "", ""]


def test_map_genes_without_any_gene_shows_names_and_the_option():
    with pytest.raises(InputError) as caught:
        map_genes(["gene_1", "gene_2", "gene_3", "gene_4"])
    assert "'gene_1', 'gene_2', 'gene_3'" in caught.value.where
    assert "--gene-key COLUMN" in caught.value.fix


def test_map_genes_of_a_third_species_says_what_is_known():
    with pytest.raises(InputError, match="None of the") as caught:
        map_genes(["ENSDARG00000000001", "ENSDARG00000000002"])
    assert "orthologs" in caught.value.fix


def test_map_genes_of_an_unknown_organism_is_wrong_usage():
    with pytest.raises(UsageError):
        map_genes(HUMAN, organism="fly")


def test_map_genes_counts_add_up_and_fit_json():
    genes = map_genes([*HUMAN, "FAM46A", "TENT5A", "ENSG00000141510.3", "nothing", None, np.nan])
    told = json.loads(json.dumps(genes.to_dict()))
    assert sum(told["namespaces"].values()) == told["n_file"] == 12
    assert told["n_mapped"] == 9
    assert told["n_duplicate"] == 1


def test_projection_adds_duplicates_and_leaves_absent_targets_zero():
    genes = map_genes(["CD3E", "FAM46A", "nothing", "TENT5A", "LYZ"])
    counts = sp.csr_matrix(np.array([[1, 2, 4, 8, 16], [0, 1, 1, 0, 0]], dtype=np.float32))
    target = counts @ genes.projection(["TENT5A", "GNLY", "CD3E"])
    assert target.dtype == np.float32
    assert target.toarray().tolist() == [[10, 0, 1], [1, 0, 0]]


def test_projection_of_unmapped_columns_never_reaches_an_empty_target():
    genes = map_genes(["CD3E", "nothing"])
    assert genes.projection(["", "CD3E"]).toarray().tolist() == [[0, 1], [0, 0]]


def test_map_genes_of_sixty_thousand_names_is_quick():
    names = [f"{symbol}.1" for symbol in list(gene_table("human").symbols)[:45_000]]
    names += [f"RP11-{place}X.1" for place in range(15_000)]
    gene_table("mouse")
    start = time.perf_counter()
    genes = map_genes(names)
    assert time.perf_counter() - start < 5  # 0.5 s on an idle machine; this one is shared
    assert genes.n_mapped >= 44_900
