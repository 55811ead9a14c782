"""FASTQ: four lines a record, read one record at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from .fasta import Duplicates, Empty, Names, check_policies
from .records import Record
from .text import open_bytes, unreadable


def read_fastq(
    path: str | Path, *, duplicates: Duplicates = "allow", empty: Empty = "error"
) -> Iterator[Record]:
    r"""Records of a FASTQ file, one at a time; plain, gz or bgz, Unix or Windows line ends.

    Parameters
    ----------
    path
        The file, with four lines for each record.
    duplicates, empty
        As in :func:`~biosequence.io.read_fasta`; both reads of a pair often share a name, so that
        duplicates are allowed here unless told.

    Raises
    ------
    InputError
        If the file cannot be read, is cut off, or a record is malformed; the record is named.

    Examples
    --------
    >>> _ = Path("one.fq").write_text("@a lane 1\nACGT\n+\nIIII\n")
    >>> list(read_fastq("one.fq"))
    [Record(name='a', sequence='ACGT', description='lane 1', quality='IIII')]
    """
    check_policies(duplicates, empty)
    seen = Names(path, duplicates)
    with open_bytes(path) as handle:
        number = 0
        while lines := _next_four(handle):
            number += 1
            record = _record(lines, number, path)
            if not record.sequence:
                if empty == "skip":
                    continue
                raise unreadable(
                    path,
                    f"The record {record.name!r} has no sequence.",
                    'Remove it, or give empty="skip".',
                )
            if seen.is_wanted(record.name):
                yield record


def _next_four(handle: BinaryIO) -> list[bytes]:
    line = handle.readline()
    while line and not line.strip():
        line = handle.readline()
    return [line, *(handle.readline() for _ in range(3))] if line else []


def _record(lines: list[bytes], number: int, path: str | Path) -> Record:
    try:
        header, sequence, plus, quality = (line.decode("ascii").rstrip("\r\n") for line in lines)
    except UnicodeDecodeError as error:
        raise _malformed(path, number, "", "there are bytes that are no text") from error
    name, _, description = header[1:].partition(" ")
    if not header.startswith("@") or not name:
        raise _malformed(path, number, "", f"the first line is no header: {header[:40]!r}")
    if not plus.startswith("+"):
        raise _malformed(path, number, name, "the third line does not start with '+'")
    if len(quality) != len(sequence):
        why = f"there are {len(sequence)} letters and {len(quality)} qualities"
        raise _malformed(path, number, name, why)
    return Record(name, sequence, description.strip(), quality)


def _malformed(path: str | Path, number: int, name: str, why: str) -> InputError:
    return unreadable(
        path,
        f"In record {number}{f' ({name})' if name else ''} {why}.",
        "Check that the file is FASTQ with four lines a record, and whole.",
        4 * number - 3,
    )
