"""Marker tables as people export them: scanpy, Seurat, or one line a cluster."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from biosequence.errors import InputError

CLUSTER = ("cluster", "group", "louvain", "leiden", "cell_type")
GENE = ("gene", "names", "symbol", "feature", "gene_symbol", "gene_name")
MARKERS = ("markers", "marker", "genes", "gene_list", "gene list")
SCORE = ("score", "scores")
# What pandas lets through of files that are no text, or no whole gzip.
UNREADABLE = (
    pd.errors.ParserError,
    pd.errors.EmptyDataError,
    UnicodeDecodeError,
    EOFError,
    OSError,
    zlib.error,
)
CHANGE = ("avg_log2fc", "avg_logfc", "logfoldchanges", "log2fc", "logfc")
TISSUE = ("tissue",)


@dataclass(frozen=True)
class MarkerList:
    """Genes of one cluster, best first, and the tissue where it was named."""

    cluster: str
    genes: tuple[str, ...]
    tissue: str = ""


def read_marker_table(path: Path) -> list[MarkerList]:
    """The clusters of a marker table, in the order of the file.

    Columns `cluster,gene[,score]` in long form (scanpy's `rank_genes_groups_df` and Seurat's
    `FindAllMarkers` as they come) or `cluster,markers` with a comma-separated list, best first;
    an optional `tissue`. Genes with a negative fold change are left out.

    Raises
    ------
    InputError
        If the file is missing, no table, empty, or lacks the columns.
    """
    return marker_lists(_read(path), str(path))


def marker_lists(frame: pd.DataFrame, where: str) -> list[MarkerList]:
    """The clusters of a marker table whose cells are text, in the order of the table.

    Columns as `read_marker_table` takes them; `where` names the table in messages.

    Raises
    ------
    InputError
        If the table has no gene, or lacks the columns.
    """
    named = {str(column).strip().lower(): column for column in frame.columns}
    cluster = _first(named, CLUSTER)
    gene, markers = _first(named, GENE), _first(named, MARKERS)
    if cluster is None or (gene is None and markers is None):
        msg = f"The table has the columns {', '.join(map(str, frame.columns[:8]))}."
        fix = (
            "It needs columns cluster and gene (one gene a line), or cluster and markers (a list)."
        )
        raise InputError(msg, where=where, fix=fix)
    frame = frame[frame[cluster].notna()]
    if markers is not None and gene is None:
        lists = _wide(frame, cluster, markers, _first(named, TISSUE))
    else:
        lists = _long(frame, named, cluster, gene)
    if not lists or not any(one.genes for one in lists):
        msg = "The table has no gene."
        raise InputError(msg, where=where, fix="Export it again with the marker genes.")
    return lists


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        msg = "There is no such file."
        raise InputError(msg, where=str(path), fix="Check the path.")
    separator = "\t" if path.name.lower().removesuffix(".gz").endswith((".tsv", ".txt")) else ","
    try:
        # Cluster ids and genes are names: 1 and 01 differ, and the gene NAN is not a missing value.
        return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, na_values=[""])
    except UNREADABLE as error:
        msg = f"The marker table cannot be read: {' '.join(str(error).split())}."
        raise InputError(
            msg, where=str(path), fix="Save it as comma- or tab-separated text."
        ) from error


def _first(named: dict[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((named[name] for name in wanted if name in named), None)


def _wide(frame: pd.DataFrame, cluster: str, markers: str, tissue: str | None) -> list[MarkerList]:
    return [
        MarkerList(
            str(row[cluster]),
            _genes(_text(row[markers])),
            _text(row[tissue]) if tissue else "",
        )
        for _, row in frame.iterrows()
    ]


def _long(frame: pd.DataFrame, named: dict[str, str], cluster: str, gene: str) -> list[MarkerList]:
    change, score = _first(named, CHANGE), _first(named, SCORE)
    marks = frame[gene].notna()
    if change is not None:
        marks &= pd.to_numeric(frame[change], errors="coerce").fillna(0.0) > 0
    tissue = _first(named, TISSUE)
    lists = []
    for name, rows in frame.groupby(cluster, sort=False):
        # A cluster without a marker keeps its line: it is answered Unknown, not left out.
        part = rows[marks[rows.index]]
        if score is not None:
            values = pd.to_numeric(part[score], errors="coerce").fillna(float("-inf"))
            part = part.loc[values.sort_values(ascending=False, kind="stable").index]
        genes = tuple(dict.fromkeys(part[gene].str.strip()))
        lists.append(MarkerList(str(name), genes, _text(rows[tissue].iloc[0]) if tissue else ""))
    return lists


def _genes(text: str) -> tuple[str, ...]:
    names = (name.strip() for name in text.replace(";", ",").split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)
