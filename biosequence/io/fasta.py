"""FASTA: read record by record, written whole or not at all."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from ..atomic import atomic_file
from ..errors import InputError, UsageError
from .records import Record
from .text import open_bytes, unreadable

Duplicates = Literal["error", "allow", "skip"]
Empty = Literal["error", "skip"]

# Sequences are taken up in parts of at least this many bytes: one copy and a part are in memory.
_PART = 1 << 20
_BLANKS = b" \t\r\n\v\f"


def read_fasta(
    path: str | Path,
    *,
    duplicates: Duplicates = "error",
    empty: Empty = "error",
    comments: str = ";",
    unnamed: Literal["error", "number"] = "error",
) -> Iterator[Record]:
    r"""Records of a FASTA file, one at a time; plain, gz or bgz, Unix or Windows line ends.

    One sequence is in memory, once; of names, 8 bytes of checksum each. Letters are not judged
    here: that is the tokenizer's matter.

    Parameters
    ----------
    path
        The file.
    duplicates
        A name that comes again: an error, allow it, or skip the later record.
    empty
        A record without letters: an error, or skip it.
    comments
        Lines before the first record that start with one of these characters are passed over.
    unnamed
        A record without a name: an error, or name it after its number (`record3`).

    Raises
    ------
    InputError
        If the file cannot be read, is no FASTA, or has records as above; the record is named.

    Examples
    --------
    >>> _ = Path("two.fa").write_text(">a first\nAC\nGT\n>b\nTT\n")
    >>> [(r.name, r.sequence, r.description) for r in read_fasta("two.fa")]
    [('a', 'ACGT', 'first'), ('b', 'TT', '')]
    """
    check_policies(duplicates, empty)
    seen = Names(path, duplicates)
    with open_bytes(path) as handle:
        records = _records(handle, path, comments.encode(), unnamed)
        number = 0
        for given, description, sequence in records:
            number += 1
            name = given or f"record{number}"
            if not sequence:
                if empty == "skip":
                    continue
                raise unreadable(
                    path,
                    f"The record {name!r} has no sequence.",
                    'Remove it, or give empty="skip".',
                )
            if seen.is_wanted(name):
                yield Record(name, sequence, description)
            # Let go of this chromosome before the next one is read.
            del sequence


def write_fasta(path: str | Path, records: Iterable[Record], *, width: int = 60) -> int:
    r"""Write records as FASTA and say how many; a name that ends in `.gz` is compressed.

    The file appears when all records are written; on an error there is none.

    Parameters
    ----------
    path
        The file to make.
    records
        What to write; they are taken one at a time.
    width
        Letters of a line; 0 for one line a record.

    Raises
    ------
    InputError
        If the file cannot be written, or a name is empty or holds a line end.

    Examples
    --------
    >>> write_fasta("out.fa", [Record("a", "ACGTA", "first")], width=4)
    1
    >>> Path("out.fa").read_text()
    '>a first\nACGT\nA\n'
    """
    number = 0
    with atomic_file(path) as partial, partial.open("wb") as raw:
        packed = str(path).endswith(".gz")
        # No time and no name inside, so that the same records give the same bytes.
        handle = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else raw
        with handle:
            for record in records:
                number += 1
                handle.writelines(_entry(record, width, path))
    return number


class Names:
    """Names met so far, and what to do with one that comes again.

    Only 64-bit hashes are kept, so that 100 million reads fit into memory; that two different names
    share one is less likely than 1 in 1,000 even there.
    """

    def __init__(self, path: str | Path, duplicates: Duplicates) -> None:
        self._path = path
        self._duplicates = duplicates
        self._seen: set[int] = set()

    def is_wanted(self, name: str) -> bool:
        """Whether to keep a record of this name.

        Raises
        ------
        InputError
            If it came before and the policy is "error".
        """
        if self._duplicates == "allow":
            return True
        key = hash(name)
        if key not in self._seen:
            self._seen.add(key)
            return True
        if self._duplicates == "skip":
            return False
        raise unreadable(
            self._path,
            f"The name {name!r} occurs more than once.",
            'Rename one of the records, or give duplicates="allow" or "skip".',
        )


def check_policies(duplicates: str, empty: str) -> None:
    """Refuse a policy that does not exist.

    Raises
    ------
    UsageError
        If one is unknown.
    """
    for option, given, allowed in (
        ("duplicates", duplicates, ("error", "allow", "skip")),
        ("empty", empty, ("error", "skip")),
    ):
        if given not in allowed:
            raise UsageError(
                f"{option}={given!r} is not possible.",
                where=f"option {option}",
                fix=f"Give one of {', '.join(map(repr, allowed))}.",
            )


def _records(
    handle: BinaryIO, path: str | Path, comments: bytes, unnamed: str
) -> Iterator[tuple[str, str, str]]:
    line = handle.readline()
    while line and (not line.strip() or line[0] in comments):
        line = handle.readline()
    if not line.startswith(b">"):
        raise unreadable(
            path,
            "This is no FASTA: its first line does not start with '>'.",
            "Give a FASTA file; `>name` goes before each sequence.",
        )
    while line:
        header = _text(line[1:].strip(), path, "a header")
        name, description = [*header.split(maxsplit=1), "", ""][:2]
        if not name and unnamed == "error":
            raise unreadable(
                path, "A record has no name.", "Write a name right behind each '>': `>name`."
            )
        sequence = _sequence(handle, path, name)
        yield name, description, sequence
        del sequence
        line = handle.readline()


def _sequence(handle: BinaryIO, path: str | Path, name: str) -> str:
    """The letters up to the next header, which is left unread."""
    sequence = ""
    part = bytearray()
    at_line_start = True
    while window := handle.peek(1):
        if at_line_start and window.startswith(b">"):
            break
        piece = handle.read(window.find(b"\n>") + 1 or len(window))
        at_line_start = piece.endswith(b"\n")
        part += piece.translate(None, _BLANKS)
        # Parts grow with the sequence: lengthening it costs a copy at worst, and little in all.
        if len(part) >= max(_PART, len(sequence) // 8):
            sequence += _letters(part, path, name)
            part.clear()
    sequence += _letters(part, path, name)
    return sequence


def _letters(part: bytearray, path: str | Path, name: str) -> str:
    return _text(part, path, f"the record {name!r}")


def _text(raw: bytes | bytearray, path: str | Path, what: str) -> str:
    try:
        return raw.decode("ascii" if what.startswith("the record") else "utf-8")
    except UnicodeDecodeError as error:
        found = bytes(raw[error.start : error.start + 4])
        raise unreadable(
            path,
            f"In {what} there are bytes that are no text ({found!r}).",
            "Check that the file is FASTA, and whole.",
        ) from error


def _entry(record: Record, width: int, path: str | Path) -> Iterator[bytes]:
    """The bytes of a record in parts, so that a chromosome is not copied whole."""
    header = f"{record.name} {record.description}".rstrip()
    if not record.name or "\n" in header or "\r" in header or " " in record.name:
        raise InputError(
            f"{record.name!r} cannot be the name of a FASTA record.",
            where=str(path),
            fix="Give names of one word, without line ends.",
        )
    yield f">{header}\n".encode()
    letters = record.sequence
    step = width or max(1, len(letters))
    lines = max(1, _PART // step)
    for start in range(0, len(letters), lines * step):
        part = letters[start : start + lines * step]
        rows = [part[place : place + step] for place in range(0, len(part), step)]
        yield "\n".join([*rows, ""]).encode()
