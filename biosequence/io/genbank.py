"""GenBank flat files, through Biopython."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .fasta import Duplicates, Empty, Names, check_policies
from .records import Record
from .text import open_bytes, unreadable

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

_FIX = "Give a whole GenBank file: it starts with LOCUS and ends with //."


def read_genbank(
    path: str | Path, *, duplicates: Duplicates = "error", empty: Empty = "error"
) -> Iterator[Record]:
    """Records of a GenBank file; the name is the accession with its version.

    Parameters
    ----------
    path
        The file, plain or gzipped.
    duplicates, empty
        As in :func:`~biosequence.io.read_fasta`. A record without its sequence (a CONTIG line in
        its place) counts as empty.

    Raises
    ------
    InputError
        If the file cannot be read, is no GenBank file, or has records as above.
    """
    check_policies(duplicates, empty)
    seen = Names(path, duplicates)
    is_empty = True
    with open_bytes(path) as handle:
        for found in _parsed(handle, path):
            is_empty = False
            sequence = _letters(found)
            if not sequence and empty == "error":
                raise unreadable(
                    path,
                    f"The record {found.id!r} has no sequence.",
                    'Get it with its sequence ("GenBank (full)"), or give empty="skip".',
                )
            if sequence and seen.is_wanted(found.id):
                yield Record(found.id, sequence, found.description)
    if is_empty:
        raise unreadable(path, "There is no GenBank record in it.", _FIX)


def _parsed(handle: BinaryIO, path: str | Path) -> Iterator[SeqRecord]:
    from Bio import BiopythonParserWarning, SeqIO

    records = SeqIO.parse(TextIOWrapper(handle, encoding="utf-8"), "genbank")
    number = 0
    while True:
        number += 1
        try:
            # Biopython only warns of a record that is cut off.
            with warnings.catch_warnings():
                for start in ("Premature end", "Expected sequence length"):
                    warnings.filterwarnings("error", start, BiopythonParserWarning)
                found = next(records)
        except StopIteration:
            return
        except (ValueError, AssertionError, IndexError, BiopythonParserWarning) as error:
            what = f"GenBank record {number} cannot be read ({str(error).splitlines()[0]})."
            raise unreadable(path, what, _FIX) from error
        yield found


def _letters(found: SeqRecord) -> str:
    from Bio.Seq import UndefinedSequenceError

    try:
        return str(found.seq)
    except UndefinedSequenceError:
        return ""
