"""A reference genome: any stretch of it, without reading the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Self

from ..atomic import atomic_file
from ..complement import reverse_complement
from ..errors import InputError
from .bgzf import BgzfReader, is_bgzf
from .intervals import Interval
from .text import GZIP, open_bytes, unreadable


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """Where a sequence lies in a FASTA file: one line of a `.fai` index.

    Parameters
    ----------
    name
        Of the sequence.
    length
        Its bases.
    offset
        Byte of its first base.
    line_bases, line_bytes
        Bases of a full line, and its bytes with the line end.
    """

    name: str
    length: int
    offset: int
    line_bases: int
    line_bytes: int

    def place(self, position: int) -> int:
        """The byte of a base, counted from 0."""
        lines, rest = divmod(position, self.line_bases) if self.line_bases else (0, 0)
        return self.offset + lines * self.line_bytes + rest


class Reference:
    r"""A FASTA file from which stretches are fetched; plain or bgz, never held in memory.

    The index `PATH.fai` (that of `samtools faidx`) is used where it is there and not older than the
    file; else one is made in memory, which takes one pass over the file. Not for several threads at
    a time.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If the file cannot be read, is gzipped without blocks, or has lines of unequal length, or
        its index does not belong to it.

    Examples
    --------
    >>> _ = Path("ref.fa").write_text(">chr1\nACGTA\nCC\n>chr2\nTTTT\n")
    >>> with Reference("ref.fa") as genome:
    ...     genome.fetch(Interval("chr1", 3, 7)), genome.fetch(Interval("chr1", 3, 7, "-"))
    ('TACC', 'GGTA')
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with open_bytes(path):
            pass
        self._handle = self.path.open("rb")
        self._blocks: BgzfReader | None = None
        if self._handle.peek(2)[:2] == GZIP:
            if not is_bgzf(path):
                self._handle.close()
                raise unreadable(
                    path,
                    "A gzipped reference cannot be read in pieces.",
                    "Unpack it (`gunzip -k`), or pack it in blocks with `bgzip`.",
                )
            self._blocks = BgzfReader(path)
        self._index = {entry.name: entry for entry in self._entries()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        return name in self._index

    @property
    def lengths(self) -> dict[str, int]:
        """Bases of each sequence, in the order of the file."""
        return {name: entry.length for name, entry in self._index.items()}

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def fetch(self, interval: Interval, *, pad: str | None = None) -> str:
        """The bases of an interval, as in the file; reverse complement on the strand "-".

        Parameters
        ----------
        interval
            What to fetch.
        pad
            A letter ("N") for places outside the sequence; None: they are an error.

        Raises
        ------
        InputError
            If there is no such sequence, or the interval sticks out of it and `pad` is None.
        """
        entry = self._entry(interval.chromosome)
        inside = interval.truncate(entry.length)
        if pad is None and len(inside) < len(interval):
            raise InputError(
                f"The interval {interval} sticks out of {entry.name}, which has "
                f"{entry.length:,} bases.",
                where=str(self.path),
                fix='Cut it off with interval.truncate(length), or give pad="N".',
            )
        start, end = entry.place(inside.start), entry.place(inside.end)
        raw = self._read(start, end - start).translate(None, b"\r\n")
        if len(raw) != len(inside):
            raise _foreign(self.path)
        sequence = raw.decode("ascii", errors="replace")
        if pad is not None and len(inside) < len(interval):
            left = min(max(0, -interval.start), len(interval))
            if interval.start >= entry.length:
                left = 0
            sequence = pad * left + sequence
            sequence += pad * (len(interval) - len(sequence))
        return reverse_complement(sequence) if interval.strand == "-" else sequence

    def write_index(self) -> Path:
        """Write `PATH.fai` beside the file, as `samtools faidx` does, and say where it is.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        target = _index_path(self.path)
        lines = [
            f"{e.name}\t{e.length}\t{e.offset}\t{e.line_bases}\t{e.line_bytes}\n"
            for e in self._index.values()
        ]
        with atomic_file(target) as partial:
            partial.write_text("".join(lines), encoding="utf-8")
        return target

    def _entry(self, name: str) -> IndexEntry:
        if name not in self._index:
            other = name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
            near = [other] if other in self._index else get_close_matches(name, self._index, n=3)
            raise InputError(
                f"The reference has no sequence {name!r}.",
                where=str(self.path),
                fix=f"Did you mean {' or '.join(near)}?" if near else "Check its names.",
            )
        return self._index[name]

    def _read(self, offset: int, size: int) -> bytes:
        if self._blocks is not None:
            return self._blocks.read_at(self._handle, offset, size)
        self._handle.seek(offset)
        return self._handle.read(size)

    def _entries(self) -> list[IndexEntry]:
        index = _index_path(self.path)
        if not index.is_file() or index.stat().st_mtime < self.path.stat().st_mtime:
            return list(_scan(self.path))
        entries = _read_index(index)
        size = len(self._blocks) if self._blocks is not None else self.path.stat().st_size
        if any(entry.place(entry.length) > size for entry in entries):
            raise _foreign(self.path)
        return entries


def _index_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.fai")


def _read_index(path: Path) -> list[IndexEntry]:
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, *numbers = line.split("\t")
        try:
            entries.append(IndexEntry(name, *map(int, numbers[:4])))
        except (TypeError, ValueError) as error:
            fix = "Delete the index; it is made again."
            raise unreadable(path, "This is no FASTA index.", fix, number) from error
    return entries


def _foreign(path: Path) -> InputError:
    return unreadable(
        path,
        "The index does not belong to this FASTA file.",
        f"Delete {_index_path(path).name}; it is made again.",
    )


def _scan(path: Path) -> Iterator[IndexEntry]:
    """Index entries from one pass over the file."""
    seen: set[str] = set()
    name, length, offset, bases, width, short = "", 0, 0, 0, 0, False
    place = 0
    with open_bytes(path) as handle:
        for line in handle:
            place += len(line)
            if line.startswith(b">"):
                if name:
                    yield IndexEntry(name, length, offset, bases, width)
                name = (line[1:].split() or [b""])[0].decode("utf-8", errors="replace")
                if not name or name in seen:
                    what = f"The name {name!r} occurs more than once." if name else "No name."
                    raise unreadable(path, what, "Give every sequence a name of its own.")
                seen.add(name)
                length, offset, bases, width, short = 0, place, 0, 0, False
                continue
            letters = len(line.rstrip(b"\r\n"))
            if not name:
                fix = "Give a FASTA file; `>name` goes before each sequence."
                raise unreadable(path, "This is no FASTA: it does not start with '>'.", fix)
            if short and letters:
                fix = "Write it with equal lines: `bioseq` and `samtools` need them to find a base."
                raise unreadable(path, f"The lines of {name!r} are of unequal length.", fix)
            if not bases and not letters:
                offset = place
                continue
            if not bases:
                bases, width = letters, len(line)
            # A shorter line, or one without its line end, may only be the last.
            short = letters != bases or len(line) != width
            if letters > bases:
                fix = "Write it with equal lines: `bioseq` and `samtools` need them to find a base."
                raise unreadable(path, f"The lines of {name!r} are of unequal length.", fix)
            length += letters
    if name:
        yield IndexEntry(name, length, offset, bases, width)
