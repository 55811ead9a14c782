"""Marker tables as people export them: read as meant, answered with one line a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest
import scanpy as sc

from biosequence.errors import InputError
from cellmodels.annotate import AnnotateOptions, annotate_file
from cellmodels.annotate.table_reading import MarkerList, read_marker_table
from cellmodels.ontology import cell_ontology

COLUMNS = [
    "cluster",
    "cell_type",
    "ontology_term_id",
    "confidence",
    "runner_up",
    "evidence",
]
SEURAT = """"","p_val","avg_log2FC","pct.1","pct.2","p_val_adj","cluster","gene"
"MS4A1",0,4.1,0.9,0.1,0,"01","MS4A1"
"CD79A",0,3.9,0.9,0.1,0,"01","CD79A"
"CD3D",0,-3.9,0.1,0.9,0,"01","CD3D"
"CD3D1",0,3.5,0.9,0.1,0,"02","CD3D"
"TRAC",0,3.1,0.9,0.1,0,"02","TRAC"
"NAN.1",0,1.2,0.5,0.2,1e-310,"02","NAN"
"S100A8",0,-1.5,0.9,0.1,0,"03","S100A8"
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[MarkerList]]:
    def call(text: str, name: str = "m.csv", encoding: str = "utf-8") -> list[MarkerList]:
        (tmp_path / name).write_text(text, encoding=encoding)
        return read_marker_table(tmp_path / name)

    return call


def test_seurat_table_as_it_comes(read: Callable) -> None:
    assert read(SEURAT) == [
        MarkerList("01", ("MS4A1", "CD79A")),
        MarkerList("02", ("CD3D", "TRAC", "NAN")),
        MarkerList("03", ()),
    ]


def test_scanpy_table_as_it_comes(read: Callable, liver_sample: Callable[..., ad.AnnData]) -> None:
    cells = liver_sample(num_cells=60, num_genes=300)
    sc.pp.normalize_total(cells)
    sc.pp.log1p(cells)
    cells.obs["truth"] = cells.obs["truth"].astype("category")
    sc.tl.rank_genes_groups(cells, "truth", method="t-test")
    frame = sc.get.rank_genes_groups_df(cells, group=None)
    found = {one.cluster: one.genes for one in read(frame.to_csv(index=False))}
    assert set(found) == set(cells.obs["truth"])
    for name, genes in found.items():
        own = frame[(frame["group"] == name) & (frame["logfoldchanges"] > 0)]
        expected = own.sort_values("scores", ascending=False, kind="stable")["names"]
        assert list(genes) == expected.tolist()


@pytest.mark.parametrize("name", ["m.tsv", "m.txt", "M.TSV", "m.tsv.gz"])
def test_tab_separated(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"cluster": ["a", "a"], "gene": ["CD3D", "CD3E"]})
    compression = "gzip" if name.endswith(".gz") else None
    frame.to_csv(tmp_path / name, sep="\t", index=False, compression=compression)
    assert read_marker_table(tmp_path / name) == [MarkerList("a", ("CD3D", "CD3E"))]


def test_scores_decide_the_order(read: Callable) -> None:
    text = "cluster,gene,score\n1,LOW,0.5\n1,HIGH,12\n1,MISSING,\n1,MIDDLE,9.5\n"
    assert read(text)[0].genes == ("HIGH", "MIDDLE", "LOW", "MISSING")


@pytest.mark.parametrize("separator", [", ", ",", "; ", ";"])
def test_lists_keep_their_order_and_lose_doubles(read: Callable, separator: str) -> None:
    genes = separator.join(["CD3D", "CD3E", "CD3D", "TRAC"])
    text = f'cluster,markers,tissue\n07,"{genes}",lung\n08,,\n'
    assert read(text) == [
        MarkerList("07", ("CD3D", "CD3E", "TRAC"), "lung"),
        MarkerList("08", (), ""),
    ]


def test_a_table_that_a_spreadsheet_saved(read: Callable) -> None:
    text = "Cluster,Gene \r\nNK/T,NKG7\r\nNK/T, GNLY \r\n,\r\n"
    assert read(text, encoding="utf-8-sig") == [MarkerList("NK/T", ("NKG7", "GNLY"))]


def test_clusters_keep_the_order_of_the_file(read: Callable) -> None:
    text = "cluster,gene\n10,A\n2,B\n10,C\n1,D\n"
    assert [one.cluster for one in read(text)] == ["10", "2", "1"]


def test_missing_columns_are_named_with_those_there_are(read: Callable) -> None:
    with pytest.raises(InputError, match="p_val, symbolic") as caught:
        read("p_val,symbolic\n1,CD3D\n")
    assert "cluster and gene" in caught.value.fix


@pytest.fixture
def answers(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Annotate the text of a table; the CSV that was written."""

    def call(text: str, **options) -> pd.DataFrame:
        (tmp_path / "markers.csv").write_text(text)
        summary = annotate_file(tmp_path / "markers.csv", AnnotateOptions(**options))
        assert summary.output == options.get("output", tmp_path / "markers.annotated.csv")
        return pd.read_csv(summary.output, dtype=str, keep_default_na=False)

    return call


LISTS = """cluster,markers
00,"MS4A1, CD79A, CD79B, CD19, BANK1, PAX5, CD22"
01,"CD3D, CD3E, TRAC, CD2, IL7R, LEF1"
02,"LYZ, CD14, S100A8, S100A9, FCN1, VCAN, S100A12"
03,"Qqq1, Qqq2, Qqq3"
04,""
"""


def test_one_line_a_cluster_in_the_order_of_the_file(answers: Callable) -> None:
    frame = answers(LISTS)
    assert frame.columns.tolist() == COLUMNS
    assert frame["cluster"].tolist() == ["00", "01", "02", "03", "04"]
    known = frame[:3]
    found = [cell_ontology().lineage(cl_id) for cl_id in known["ontology_term_id"]]
    assert found == ["B lineage", "T cell", "monocyte/macrophage"]
    assert known["cell_type"].tolist() == [
        cell_ontology().name(cl_id) for cl_id in known["ontology_term_id"]
    ]
    assert known["confidence"].astype(float).between(0, 1, inclusive="neither").all()
    assert "MS4A1" in frame["evidence"][0] and "CD3D" in frame["evidence"][1]


def test_lists_that_say_nothing_are_unknown_with_the_reason(answers: Callable) -> None:
    frame = answers(LISTS)[3:]
    assert set(frame["cell_type"]) == {"Unknown"}
    assert set(frame["ontology_term_id"]) == {""}
    assert set(frame["confidence"].astype(float)) == {0.0}
    assert frame["evidence"].str.contains("low overlap").all()


def test_a_seurat_table_is_answered_as_the_same_lists_are(answers: Callable) -> None:
    long = "cluster,gene\n00,MS4A1\n00,CD79A\n00,CD19\n01,CD3D\n01,TRAC\n01,CD2\n"
    wide = 'cluster,markers\n00,"MS4A1,CD79A,CD19"\n01,"CD3D,TRAC,CD2"\n'
    pd.testing.assert_frame_equal(answers(long), answers(wide))


def test_aliases_and_ids_are_answered_as_symbols_are(answers: Callable) -> None:
    symbols = answers('cluster,markers\n1,"MS4A1, CD79A, FCGR3A"\n')
    others = answers('cluster,markers\n1,"CD20, ENSG00000105369.9, CD16A"\n')
    pd.testing.assert_frame_equal(symbols, others)


def test_mouse_lists_are_answered_in_mouse_symbols(answers: Callable) -> None:
    frame = answers('cluster,markers\n1,"Ms4a1, Cd79a, Cd79b, Cd19, Ighd"\n')
    assert cell_ontology().lineage(frame["ontology_term_id"][0]) == "B lineage"
    assert "Ms4a1" in frame["evidence"][0]


def test_candidates_and_limits_count(answers: Callable) -> None:
    frame = answers(LISTS, candidates=("B cell", "T cell"))
    assert set(frame["ontology_term_id"]) <= {"CL:0000236", "CL:0000084", ""}
    assert frame["ontology_term_id"][0] == "CL:0000236"
    assert set(answers(LISTS, min_confidence=1.0)["cell_type"]) == {"Unknown"}


def test_the_tissue_of_a_line_counts(answers: Callable) -> None:
    genes = '"PECAM1, VWF, CDH5, CLDN5, EMCN"'
    frame = answers(f"cluster,markers,tissue\na,{genes},liver\nb,{genes},kidney\nc,{genes},\n")
    alone = [
        answers(f"cluster,markers\n{name},{genes}\n", tissue=tissue)
        for name, tissue in (("a", "liver"), ("b", "kidney"), ("c", None))
    ]
    pd.testing.assert_frame_equal(frame, pd.concat(alone, ignore_index=True))


def test_the_output_may_be_named(answers: Callable, tmp_path: Path) -> None:
    assert len(answers(LISTS, output=tmp_path / "named.csv")) == 5


def test_a_table_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(LISTS)
    with pytest.raises(InputError, match="never changed"):
        annotate_file(path, AnnotateOptions(output=path))
    assert path.read_text() == LISTS
