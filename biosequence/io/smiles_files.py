"""Molecules from .smi, .csv, .tsv and .txt files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..errors import InputError
from .records import Record
from .text import read_lines, unreadable

# Names of columns that hold SMILES or names, in the spelling without case, blanks and underscores.
_SMILES = ("smiles", "canonicalsmiles", "smilescanonical", "isomericsmiles", "structure", "mol")
_NAMES = ("name", "id", "moleculeid", "compoundid", "chemblid", "moleculechemblid", "title", "cid")


def read_smiles(
    path: str | Path, *, column: str | int | None = None, empty: Literal["error", "skip"] = "error"
) -> Iterator[Record]:
    r"""Molecules of a file, one at a time; the text of each is as in the file.

    A table (commas or tabs) has a header, and its column of SMILES is found by name. Otherwise each
    line is a SMILES and perhaps, after a blank or tab, a name; a first line that names columns is
    passed over. Sets of molecules joined by `.` are one record.

    Parameters
    ----------
    path
        The file, plain or gzipped.
    column
        Column of SMILES in a table: its name, or its number from 0 where there is no header.
    empty
        A line without a molecule inside a table: an error, or skip it. Blank lines are passed over.

    Raises
    ------
    InputError
        If the file cannot be read, or has no such column.

    Examples
    --------
    >>> _ = Path("two.csv").write_text("id,smiles\nm1,CCO\nm2,C\n")
    >>> [(one.name, one.sequence) for one in read_smiles("two.csv")]
    [('m1', 'CCO'), ('m2', 'C')]
    """
    separator = _separator(path, column)
    rows = _table(path, separator, column) if separator else _lines(path)
    found = False
    for number, name, smiles in rows:
        found = True
        if not smiles:
            if empty == "skip":
                continue
            what = f"Line {number} has no molecule."
            raise unreadable(path, what, 'Remove it, or give empty="skip".', number)
        yield Record(name or f"line{number}", smiles)
    if not found:
        raise unreadable(path, "There is no molecule in it.", "Give a file with SMILES.")


def _separator(path: str | Path, column: str | int | None) -> str:
    """What lies between columns; "" for a list of SMILES."""
    for _, line in read_lines(path):
        if not line.strip():
            continue
        suffixes = {suffix.lower() for suffix in Path(path).suffixes}
        if ".tsv" in suffixes:
            return "\t"
        # A comma alone is no sign of a table: extended SMILES have commas behind the molecule.
        names = line.split(",")
        named = len(names) > 1 and any(_plain(name) in _SMILES for name in names)
        return "," if named or column is not None or ".csv" in suffixes else ""
    return ""


def _lines(path: str | Path) -> Iterator[tuple[int, str, str]]:
    first = True
    for number, line in read_lines(path):
        parts = line.split(None, 1)
        if not parts or line.startswith("#"):
            continue
        if first and _plain(parts[0]) in _SMILES:
            first = False
            continue
        first = False
        yield number, parts[1].strip() if len(parts) > 1 else "", parts[0]


def _table(
    path: str | Path, separator: str, column: str | int | None
) -> Iterator[tuple[int, str, str]]:
    lines = read_lines(path)
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, line in lines:  # noqa: B007
            yield line

    rows = csv.reader(texts(), delimiter=separator)
    header = next((row for row in _whole(rows, path) if row), [])
    smiles_at, name_at = _columns(path, header, column)
    if isinstance(column, int):
        rows = _chain(header, rows)
    for row in _whole(rows, path):
        if not row:
            continue
        if len(row) <= smiles_at:
            what = (
                f"Line {number} has {len(row)} columns, and SMILES are in column {smiles_at + 1}."
            )
            raise unreadable(path, what, "Give every line all columns.", number)
        name = row[name_at].strip() if name_at is not None and name_at < len(row) else ""
        yield number, name, row[smiles_at].strip()


def _whole(rows: Iterator[list[str]], path: str | Path) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        fix = (
            "Check its quotes; a set of molecules longer than 131,072 characters goes into a .txt."
        )
        raise unreadable(path, f"The table cannot be read ({error}).", fix) from error


def _chain(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _columns(
    path: str | Path, header: list[str], column: str | int | None
) -> tuple[int, int | None]:
    plain = [_plain(name) for name in header]
    name_at = next((plain.index(name) for name in _NAMES if name in plain), None)
    if isinstance(column, int):
        if not 0 <= column < len(header):
            raise _no_column(path, f"number {column}", header)
        return column, None
    if column is not None:
        if column not in header:
            raise _no_column(path, repr(column), header)
        return header.index(column), name_at
    found = next((plain.index(name) for name in _SMILES if name in plain), None)
    if found is None:
        raise _no_column(path, "of SMILES", header)
    return found, name_at


def _no_column(path: str | Path, which: str, header: list[str]) -> InputError:
    return unreadable(
        path,
        f"There is no column {which}.",
        f"Name one with column=...; the file has: {', '.join(header)[:200]}.",
    )


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
