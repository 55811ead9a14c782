"""Alignments in a3m form: gaps are `-`, insertions against the query are lower-case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .fasta import read_fasta
from .records import Record
from .text import unreadable

_INSERTIONS = str.maketrans("", "", "abcdefghijklmnopqrstuvwxyz.")


@dataclass(frozen=True)
class Alignment:
    """Related sequences, aligned to the first.

    Parameters
    ----------
    records
        Rows as in the file; the first is the query.

    Examples
    --------
    >>> rows = Alignment((Record("query", "MKTA"), Record("other", "M-ciTA")))
    >>> rows.aligned(), rows.sequences()
    (['MKTA', 'M-TA'], ['MKTA', 'MCITA'])
    """

    records: tuple[Record, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def query(self) -> Record:
        """The sequence that all are aligned to."""
        return self.records[0]

    @property
    def num_columns(self) -> int:
        """Aligned columns: letters and gaps of the query."""
        return len(match_columns(self.query.sequence))

    def aligned(self) -> list[str]:
        """Rows of equal length: insertions are left out, gaps stay."""
        return [match_columns(record.sequence) for record in self.records]

    def sequences(self) -> list[str]:
        """The sequences themselves: insertions are ordinary residues, gaps are gone."""
        return [unaligned(record.sequence) for record in self.records]


def match_columns(row: str) -> str:
    """A row of an a3m without its insertions.

    Examples
    --------
    >>> match_columns("M-ciTA")
    'M-TA'
    """
    return row.translate(_INSERTIONS)


def unaligned(row: str) -> str:
    """The sequence of a row of an a3m: insertions upper-case, no gaps.

    Examples
    --------
    >>> unaligned("M-ciTA")
    'MCITA'
    """
    return row.replace("-", "").replace(".", "").upper()


def read_a3m(path: str | Path) -> Alignment:
    r"""An alignment from an a3m file (aligned FASTA is one without insertions).

    Parameters
    ----------
    path
        The file, plain or gzipped. Lines before the first `>` that start with `#` are passed over;
        names may repeat or be missing, as they are in published alignments.

    Raises
    ------
    InputError
        If the file cannot be read, or a row has another number of aligned columns than the first.

    Examples
    --------
    >>> _ = Path("x.a3m").write_text(">query\nMKTA\n>other\nM-ciTA\n")
    >>> read_a3m("x.a3m").num_columns
    4
    """
    records = tuple(read_fasta(path, duplicates="allow", comments="#", unnamed="number"))
    columns = len(match_columns(records[0].sequence))
    for record in records:
        found = len(match_columns(record.sequence))
        if found != columns:
            raise unreadable(
                path,
                f"The row {record.name!r} has {found} aligned columns, the query has {columns}.",
                "Give an a3m alignment: insertions lower-case, gaps as '-'.",
            )
    return Alignment(records)
