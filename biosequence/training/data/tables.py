"""Sequences with labels, from tables and from FASTA headers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ...errors import InputError
from ...io import read_fasta
from ...io.text import read_lines, unreadable
from .sources import starts_with

# In the spelling without case, blanks and underscores.
SEQUENCE_NAMES = (
    "sequence",
    "seq",
    "smiles",
    "smilescanonical",
    "canonicalsmiles",
    "protein",
    "dna",
)
LABEL_NAMES = ("label", "labels", "class", "target", "y", "fitness", "score", "dmsscore")
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class LabelledRows:
    """Rows of a file: sequences, and the texts of their labels.

    Parameters
    ----------
    path
        The file.
    columns
        Names of the labels.
    names
        Of each row, for messages.
    sequences
        Of each row.
    labels
        Of each row, one text a column.
    splits
        Of each row: train, validation or test; None where the file does not say.
    """

    path: Path
    columns: tuple[str, ...]
    names: list[str]
    sequences: list[str]
    labels: list[tuple[str, ...]]
    splits: list[str] | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, rows: Sequence[int]) -> LabelledRows:
        """Some of the rows."""
        return LabelledRows(
            self.path,
            self.columns,
            [self.names[row] for row in rows],
            [self.sequences[row] for row in rows],
            [self.labels[row] for row in rows],
            None if self.splits is None else [self.splits[row] for row in rows],
        )


def read_labelled(
    path: str | Path,
    *,
    sequence: str | None = None,
    labels: Sequence[str] | None = None,
    split: str | None = None,
) -> LabelledRows:
    r"""Sequences with labels of a table (commas or tabs, with a header) or a FASTA file.

    Parameters
    ----------
    path
        The file, plain or gzipped.
    sequence
        Column of sequences; None: found by its name.
    labels
        Columns of labels; None: found by name, or the only other column. In FASTA: `NAME=` in the
        header; None: what follows the last `|`.
    split
        Column that says train, validation or test.

    Raises
    ------
    InputError
        If the file cannot be read, a column is not there or cannot be told, or a sequence or all
        labels of a row are empty.

    Examples
    --------
    >>> _ = Path("two.csv").write_text("sequence,label\nACGT,1\nGG,0\n")
    >>> found = read_labelled("two.csv")
    >>> found.sequences, found.labels, found.columns
    (['ACGT', 'GG'], [('1',), ('0',)], ('label',))
    >>> _ = Path("two.fa").write_text(">a|P20P|1.5\nMK\n>b|P20A|-0.5\nMA\n")
    >>> read_labelled("two.fa").labels
    [('1.5',), ('-0.5',)]
    """
    place = Path(path)
    if starts_with(place, b">"):
        if split is not None:
            what = "A FASTA file has no column of splits."
            raise unreadable(place, what, "Give the splits as files of their own, or a table.")
        return _of_fasta(place, labels)
    lines = _numbered(place)
    _, header = next(lines)
    here, wanted = _columns(place, header, sequence, labels, split)
    split_at = None if split is None else _index(place, header, split)
    found = LabelledRows(place, tuple(header[at] for at in wanted), [], [], [], [])
    for number, row in lines:
        if len(row) != len(header):
            what = f"Line {number} has {len(row)} columns and the header {len(header)}."
            raise unreadable(place, what, "Give every line all columns.", number)
        text, told = row[here].strip(), tuple(row[at].strip() for at in wanted)
        if not text or not any(told):
            what = f"Line {number} has no {'label' if text else 'sequence'}."
            raise unreadable(place, what, "Fill it in, or leave the line out.", number)
        _add(found, f"line {number}", text, told)
        if split_at is not None:
            assert found.splits is not None
            found.splits.append(_split(place, row[split_at], number))
    if not len(found):
        raise unreadable(place, "The table has a header and no rows.", "Give at least one row.")
    return found if split else LabelledRows(*(list(vars(found).values())[:-1]))


def _add(rows: LabelledRows, name: str, sequence: str, labels: tuple[str, ...]) -> None:
    rows.names.append(name)
    rows.sequences.append(sequence)
    rows.labels.append(labels)


def _numbered(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of a table with the lines that they end in; blank lines are passed over."""
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, line in read_lines(path):  # noqa: B007
            yield line

    tabs = any("\t" in line for _, line in _first(path))
    try:
        for row in csv.reader(texts(), delimiter="\t" if tabs else ","):
            if row:
                yield number, row
    except csv.Error as error:
        what = f"The table cannot be read ({error})."
        raise unreadable(path, what, "Check its quotes and separators.", number) from error


def _first(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in read_lines(path):
        if line.strip():
            yield number, line
            return


def _columns(
    path: Path,
    header: list[str],
    sequence: str | None,
    labels: Sequence[str] | None,
    split: str | None,
) -> tuple[int, list[int]]:
    here = _index(path, header, sequence) if sequence else _guess(path, header, SEQUENCE_NAMES, ())
    if labels:
        return here, [_index(path, header, name) for name in labels]
    taken = {here} | ({_index(path, header, split)} if split else set())
    others = [at for at in range(len(header)) if at not in taken]
    if len(others) == 1:
        return here, others
    return here, [_guess(path, header, LABEL_NAMES, taken)]


def _index(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        _no_column(path, f"There is no column {name!r}.", header)
    return header.index(name)


def _guess(path: Path, header: list[str], names: Sequence[str], taken: set[int] | tuple) -> int:
    plain = ["".join(c for c in name.lower() if c.isalnum()) for name in header]
    found = [at for at, name in enumerate(plain) if name in names and at not in taken]
    what = "sequences" if names is SEQUENCE_NAMES else "labels"
    if not found:
        _no_column(path, f"No column is known to hold {what}.", header)
    if len(found) > 1:
        several = ", ".join(repr(header[at]) for at in found)
        _no_column(path, f"Several columns may hold {what}: {several}.", header)
    return found[0]


def _no_column(path: Path, what: str, header: list[str]) -> NoReturn:
    raise unreadable(
        path,
        what,
        "Name columns in [objective]: sequence = ..., label = ...; the file has: "
        f"{', '.join(header)[:200]}.",
    )


def _split(path: Path, text: str, number: int) -> str:
    known = SPLITS.get(text.strip().lower())
    if known is None:
        what = f"Line {number} is of the split {text!r}."
        raise unreadable(path, what, "Write train, validation or test.", number)
    return known


def _of_fasta(path: Path, labels: Sequence[str] | None) -> LabelledRows:
    columns = tuple(labels or ("label",))
    found = LabelledRows(path, columns, [], [], [])
    patterns = [re.compile(rf"(?:^|[\s|;]){re.escape(name)}=([^\s|;]*)") for name in labels or ()]
    for record in read_fasta(path, duplicates="allow"):
        header = f"{record.name} {record.description}".strip()
        told = [match.group(1) for pattern in patterns if (match := pattern.search(header))]
        if not patterns and "|" in header:
            told = [header.rpartition("|")[2].strip()]
        if len(told) != len(columns) or not any(told):
            raise InputError(
                f"The header {header[:80]!r} has no label.",
                where=str(path),
                fix="Write >NAME|LABEL, or >NAME label=VALUE and set label = 'label'.",
            )
        _add(found, record.name, record.sequence, tuple(told))
    return found
