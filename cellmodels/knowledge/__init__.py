"""The curated marker table: which genes name a cell type, and which speak against it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

__all__ = ["MarkerRow", "marker_rows"]


@dataclass(frozen=True)
class MarkerRow:
    """One cell type of the marker table.

    Attributes
    ----------
    cl_id, name
        Cell Ontology id and name.
    organism
        "human", "mouse" or "both"; genes are human symbols unless it is "mouse".
    tissues
        Plain tissue names; `("any",)` where the type lives in all organs.
    positive
        Marker genes, the most telling first.
    negative
        Genes that separate the type from the siblings it is confused with.
    """

    cl_id: str
    name: str
    organism: str
    tissues: tuple[str, ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]


@lru_cache(maxsize=1)
def marker_rows() -> tuple[MarkerRow, ...]:
    """Every row of the bundled marker table, in the order of its files.

    Examples
    --------
    >>> next(row for row in marker_rows() if row.name == "plasma cell").positive[:2]
    ('JCHAIN', 'MZB1')
    """
    return tuple(_read())


def _read() -> Iterator[MarkerRow]:
    folder = files(__name__) / "markers"
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".tsv"):
            continue
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield MarkerRow(
                    row["cl_id"],
                    row["name"],
                    row["organism"],
                    _split(row["tissues"]),
                    _split(row["positive"]),
                    _split(row["negative"]),
                )


def _split(cell: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (cell or "").split(",") if part.strip())
