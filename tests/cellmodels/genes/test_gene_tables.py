"""The shipped gene tables: whole, unambiguous, light."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from importlib.resources import files

import pytest

from biosequence.errors import UsageError
from cellmodels.genes import gene_table, is_symbol, official_symbol, orthologs

TABLES = files("cellmodels.genes") / "tables"


def test_shipped_tables_are_the_ones_that_the_source_file_describes():
    told = tomllib.loads((TABLES / "SOURCE.toml").read_text("utf-8"))
    for name, facts in told["tables"].items():
        packed = (TABLES / name).read_bytes()
        assert hashlib.sha256(packed).hexdigest() == facts["sha256"], name
    assert all(entry["licence"] for entries in told["sources"].values() for entry in entries)
    assert sum(len((TABLES / name).read_bytes()) for name in told["tables"]) < 3_000_000


@pytest.mark.parametrize(
    ("organism", "coding", "marker"), [("human", 19_000, "CD8A"), ("mouse", 21_000, "Cd8a")]
)
def test_gene_table_holds_the_coding_genes(organism, coding, marker):
    table = gene_table(organism)
    kinds = [table.gene_class(symbol) for symbol in table.symbols]
    assert kinds.count("coding") >= coding
    assert table.gene_class(marker) == "coding"
    assert table.gene_class("no such gene") is None


def test_is_symbol_means_the_current_symbol_in_its_case():
    assert is_symbol("TENT5A", "human")
    assert not is_symbol("FAM46A", "human")
    assert not is_symbol("Cd3e", "human")
    assert is_symbol("Cd3e", "mouse")


def test_official_symbol_is_its_own_official_symbol():
    for name in ("FAM46A", "SEPT1", "ENSG00000081237", "cd19"):
        symbol = official_symbol(name, "human")
        assert official_symbol(symbol, "human") == symbol
    assert official_symbol("no such gene", "human") is None


@pytest.mark.parametrize("organism", ["human", "mouse"])
def test_every_ensembl_id_of_a_symbol_leads_back_to_it(organism):
    table = gene_table(organism)
    ids = table.ensembl_ids
    for symbol in sorted(ids)[::50]:
        assert list(ids[symbol]) == sorted(ids[symbol])
        assert all(table.find(one)[0] == symbol for one in ids[symbol])


def test_a_symbol_of_two_ensembl_ids_has_both():
    assert gene_table("human").ensembl_ids["MATR3"] == ("ENSG00000015479", "ENSG00000280987")


def test_gene_table_of_an_unknown_organism_is_wrong_usage():
    with pytest.raises(UsageError, match="fly"):
        gene_table("fly")


@pytest.mark.parametrize(("start", "end"), [("human", "mouse"), ("mouse", "human")])
def test_orthologs_are_current_symbols_on_both_sides(start, end):
    pairs = orthologs(start, end)
    assert len(pairs) > 16_000
    assert all(is_symbol(symbol, start) for symbol in pairs)
    assert all(is_symbol(symbol, end) for partners in pairs.values() for symbol in partners)


def test_orthologs_there_and_back_hold_the_same_pairs():
    there = {
        (ours, theirs) for ours, found in orthologs("human", "mouse").items() for theirs in found
    }
    back = {
        (ours, theirs) for theirs, found in orthologs("mouse", "human").items() for ours in found
    }
    assert there == back


def test_orthologs_put_the_gene_of_the_same_name_first():
    mouse = orthologs("human", "mouse")
    for human, partners in mouse.items():
        spelled = [name.upper() == human.upper() for name in partners]
        assert spelled == sorted(spelled, reverse=True), human
    assert mouse["KLRB1"][0] == "Klrb1"
    assert mouse["LYZ"][0] == "Lyz2"


def test_orthologs_pair_the_everyday_and_the_marker_genes():
    mouse = orthologs("human", "mouse")
    for symbol in ("TMSB10", "CD3E", "CD8A", "MS4A1", "EPCAM", "PECAM1", "COL1A1", "SFTPC", "TRAC"):
        assert mouse[symbol][0] == symbol.capitalize()


def test_orthologs_of_one_organism_is_wrong_usage():
    with pytest.raises(UsageError):
        orthologs("human", "human")


def test_importing_the_rooms_loads_neither_tables_nor_arrays():
    code = (
        "import sys, cellmodels.genes, cellmodels.inputs;"
        "print(sorted({'numpy', 'scipy', 'pandas', 'anndata'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
