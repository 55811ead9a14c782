"""Labelled sequences from tables, and the splits of a task in a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, UsageError

SPLITS = ("train", "validation", "test")
"""Splits that a folder may hold."""
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_SEQUENCES = ("sequence", "smiles", "smilescanonical", "canonicalsmiles")
_LABELS = ("label", "class", "target")


@dataclass(frozen=True)
class LabelledTable:
    """Sequences and what is known of each.

    Parameters
    ----------
    sequences
        As in the file.
    labels
        Text of each label, as in the file.
    splits
        Split of each row where the table has that column, else "".
    path
        The file.
    """

    sequences: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    path: Path

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, numbers: Sequence[int] | np.ndarray) -> LabelledTable:
        """Some rows, in the order of their numbers."""
        return LabelledTable(
            *(tuple(column[int(n)] for n in numbers) for column in self._columns), self.path
        )

    def sample(self, limit: int | None, seed: int) -> LabelledTable:
        """At most `limit` rows drawn at random, in the order of the file; all when None."""
        if limit is None or len(self) <= limit:
            return self
        drawn = np.random.default_rng(seed).choice(len(self), limit, replace=False)
        return self.take(np.sort(drawn))

    @property
    def _columns(self) -> tuple[tuple[str, ...], ...]:
        return self.sequences, self.labels, self.splits


def read_labelled(path: str | Path, *, label: str | None = None) -> LabelledTable:
    r"""A table of labelled sequences.

    Parameters
    ----------
    path
        With commas, or tabs where the name says .tsv; plain or gzipped. A column `sequence` (or
        SMILES) and a column `label` (or class, target); perhaps a column `split`.
    label
        Name of the column of labels.

    Raises
    ------
    InputError
        The file cannot be read, a column is missing, or a row lacks a value; the line is named.

    Examples
    --------
    >>> _ = Path("t.csv").write_text("sequence,label\nACGT,1\n")
    >>> read_labelled("t.csv").labels
    ('1',)
    """
    from ..io.text import read_lines, unreadable

    delimiter = "\t" if ".tsv" in Path(path).suffixes else ","
    rows = csv.reader((line for _, line in read_lines(path)), delimiter=delimiter)
    header = [name.strip() for name in next(rows, [])]
    sequence_at = _column(path, header, _SEQUENCES, None, "of sequences")
    label_at = _column(path, header, _LABELS, label, "of labels")
    split_at = header.index("split") if "split" in header else None
    columns: tuple[list[str], ...] = ([], [], [])
    for row in rows:
        if not row:
            continue
        cells = [row[at].strip() if at < len(row) else "" for at in (sequence_at, label_at)]
        if not all(cells):
            what = f"Line {rows.line_num} lacks its sequence or its label."
            raise unreadable(path, what, "Fill it in, or take the line out.", rows.line_num)
        split = row[split_at].strip() if split_at is not None and split_at < len(row) else ""
        for column, cell in zip(columns, (*cells, split), strict=True):
            column.append(cell)
    if not columns[0]:
        raise unreadable(path, "The table has no rows.", "Give one that holds sequences.")
    return LabelledTable(*map(tuple, columns), Path(path))


def find_split(folder: str | Path, split: str) -> Path | None:
    """The table of a split in a folder: ``test.csv``, or the one table in a folder ``test``."""
    for ending in _ENDINGS:
        path = Path(folder) / f"{split}{ending}"
        if path.is_file():
            return path
    inside = list(_tables(Path(folder) / split))
    return inside[0] if len(inside) == 1 else None


def read_split(folder: str | Path, split: str, *, label: str | None = None) -> LabelledTable:
    """The table of a split.

    Raises
    ------
    InputError
        The folder has none, or it cannot be read.
    """
    path = find_split(folder, split)
    if path is None:
        raise InputError(
            f"There is no table of the split {split!r}.",
            where=str(folder),
            fix=f"Put {split}.csv with the columns sequence,label there; `bioseq data prepare` "
            "makes such folders.",
        )
    return read_labelled(path, label=label)


def find_tasks(folder: str | Path) -> dict[str, Path]:
    """Tasks in a folder by name: the folder itself where it has a test table, else its folders.

    Raises
    ------
    InputError
        There is no task.
    """
    base = Path(folder)
    if find_split(base, "test") is not None:
        return {base.resolve().name: base}
    found = {
        path.name: path
        for path in (sorted(base.iterdir()) if base.is_dir() else [])
        if path.is_dir() and find_split(path, "test") is not None
    }
    if not found:
        raise InputError(
            "There is no task with a test table.",
            where=str(folder),
            fix="Give a folder with test.csv (and train.csv), or one with such folders in it; "
            "`bioseq data prepare` makes them.",
        )
    return found


def numbers_of(labels: Sequence[str], where: str) -> np.ndarray:
    """Labels as numbers.

    Raises
    ------
    UsageError
        One is no finite number.
    """
    try:
        values = np.array([float(one) for one in labels])
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    wrong = next(one for one in labels if not _is_number(one))
    raise UsageError(
        f"The label {wrong!r} is no finite number.",
        where=where,
        fix="Choose a column of numbers for a regression.",
    )


def is_continuous(labels: Sequence[str]) -> bool:
    """Whether labels are measured numbers rather than names or numbers of classes.

    Examples
    --------
    >>> is_continuous(["-0.77", "3"]), is_continuous(["0", "1"]), is_continuous(["a", "0.5"])
    (True, False, False)
    """
    if not all(map(_is_number, labels)):
        return False
    return any(float(one) != int(float(one)) for one in labels)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _tables(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name.endswith(_ENDINGS))


def _column(
    path: str | Path, header: list[str], known: Sequence[str], asked: str | None, what: str
) -> int:
    from ..io.text import unreadable

    if asked is not None and asked in header:
        return header.index(asked)
    plain = ["".join(c for c in name.lower() if c.isalnum()) for name in header]
    found = [plain.index(name) for name in known if name in plain]
    if asked is not None or not found:
        which = repr(asked) if asked is not None else what
        fix = f"The file has: {', '.join(header)[:200]}. Name it {known[0]}, or give --label."
        raise unreadable(path, f"There is no column {which}.", fix, 1)
    return found[0]
