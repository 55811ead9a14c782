"""Tables of the three splits, written row by row, and tables read row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from biosequence.errors import InputError
from biosequence.io.text import read_lines

from .job import SPLITS

# A set of molecules or a long protein in one field.
csv.field_size_limit(1 << 28)


class SplitTables:
    """A CSV for each split that gets a row.

    Parameters
    ----------
    folder
        Where `train.csv`, `validation.csv` and `test.csv` go.
    columns
        Their header.
    """

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        self._folder = folder
        self._columns = list(columns)
        self._writers: dict[str, Any] = {}
        self._rows = dict.fromkeys(SPLITS, 0)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.__enter__()
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, split: str, row: Sequence[Any]) -> None:
        """Append a row to a split."""
        if split not in self._writers:
            assert split in SPLITS, split
            path = self._folder / f"{split}.csv"
            handle = self._stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            self._writers[split] = csv.writer(handle, lineterminator="\n")
            self._writers[split].writerow(self._columns)
        self._writers[split].writerow(row)
        self._rows[split] += 1

    def counts(self) -> dict[str, int]:
        """Rows of each split."""
        return dict(self._rows)


def read_table(path: Path, *needed: str, separator: str | None = None) -> Iterator[dict[str, str]]:
    """Rows of a CSV or TSV with a header, plain or gzipped, one at a time.

    Parameters
    ----------
    path
        The table.
    needed
        Columns that must be there.
    separator
        What lies between columns; None: a tab where the name says `.tsv`, else a comma.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, or a row has too few.
    """
    between = separator or _between(path)
    rows = csv.DictReader((line for _, line in read_lines(path)), delimiter=between)
    missing = [name for name in needed if name not in (rows.fieldnames or ())]
    if missing:
        raise InputError(
            f"The table has no column {' and '.join(missing)}.",
            where=str(path),
            fix=f"It has: {', '.join(rows.fieldnames or ())[:200]}.",
        )
    for number, row in enumerate(rows, 2):
        if None in row.values() or None in row:
            what = f"Row {number} has another number of columns than the header."
            raise InputError(what, where=str(path), fix="Give every row all columns.")
        yield row


def column_names(path: Path) -> list[str]:
    """The header of a table."""
    lines = (line for _, line in read_lines(path))
    return next(csv.reader(lines, delimiter=_between(path)), [])


def _between(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","
