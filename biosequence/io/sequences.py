"""Sequences from whatever file they are in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .fasta import Duplicates, Empty, read_fasta
from .fastq import read_fastq
from .genbank import read_genbank
from .records import Record
from .text import open_bytes, unreadable


def read_sequences(
    path: str | Path, *, duplicates: Duplicates | None = None, empty: Empty = "error"
) -> Iterator[Record]:
    r"""Records of a FASTA, FASTQ or GenBank file, told apart by how it starts.

    Parameters
    ----------
    path
        The file, plain or gzipped.
    duplicates
        As in the reader of the format; None: its own default.
    empty
        As in :func:`~biosequence.io.read_fasta`.

    Raises
    ------
    InputError
        If it is none of the three, and as its reader.

    Examples
    --------
    >>> _ = Path("one.txt").write_text(">a\nACGT\n")
    >>> next(read_sequences("one.txt")).name
    'a'
    """
    with open_bytes(path) as handle:
        start = handle.peek(4096)[:4096].lstrip()
    readers = {b">": read_fasta, b"@": read_fastq, b"LOCUS": read_genbank}
    for magic, reader in readers.items():
        if start.startswith(magic):
            policy = {} if duplicates is None else {"duplicates": duplicates}
            return reader(path, empty=empty, **policy)
    raise unreadable(
        path,
        "This is neither FASTA nor FASTQ nor GenBank.",
        "Give a file that starts with '>', '@' or 'LOCUS'.",
    )
