"""GenBank flat files, through Biopython."""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from .fasta import Duplicates, Empty, Names, check_policies
from .records import Record
from .text import open_bytes, unreadable


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
    from Bio import SeqIO
    from Bio.Seq import UndefinedSequenceError

    check_policies(duplicates, empty)
    seen = Names(path, duplicates)
    fix = "Give a whole GenBank file: it starts with LOCUS and ends with //."
    number = 0
    with open_bytes(path) as handle:
        try:
            for found in SeqIO.parse(TextIOWrapper(handle, encoding="utf-8"), "genbank"):
                number += 1
                try:
                    sequence = str(found.seq)
                except UndefinedSequenceError:
                    sequence = ""
                if not sequence and empty == "error":
                    raise unreadable(
                        path,
                        f"The record {found.id!r} has no sequence.",
                        'Get it with its sequence ("GenBank (full)"), or give empty="skip".',
                    )
                if sequence and seen.is_wanted(found.id):
                    yield Record(found.id, sequence, found.description)
        except (ValueError, AssertionError, IndexError) as error:
            if type(error).__module__.startswith("biosequence"):
                raise
            what = f"GenBank record {number + 1} cannot be read ({str(error).splitlines()[0]})."
            raise unreadable(path, what, fix) from error
    if not number:
        raise unreadable(path, "There is no GenBank record in it.", fix)
