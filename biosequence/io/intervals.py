"""A stretch of a chromosome, and BED files of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from ..errors import InputError
from .text import read_lines, unreadable

Strand = Literal["+", "-", "."]
_TEXT = re.compile(r"(?P<chromosome>.+?):(?P<start>[\d,]+)-(?P<end>[\d,]+)(?::(?P<strand>[+\-.]))?")


@dataclass(frozen=True, order=True, slots=True)
class Interval:
    """A stretch of a chromosome, counted from 0, its end not included.

    Parameters
    ----------
    chromosome
        Name of the sequence.
    start, end
        First base, and the base behind the last, from 0. A window may stick out of the
        chromosome (a start below 0); the reference says what then.
    strand
        "+", "-", or "." where there is none.
    name
        A label; it does not count when intervals are compared.

    Raises
    ------
    InputError
        If the end lies before the start, or the strand is another character.

    Examples
    --------
    >>> Interval("chr1", 100, 200).resize(50)
    Interval(chromosome='chr1', start=125, end=175, strand='+', name='')
    >>> str(Interval.from_str("chr1:100-200:-"))
    'chr1:100-200:-'
    """

    chromosome: str
    start: int
    end: int
    strand: Strand = "+"
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.end < self.start or self.strand not in ("+", "-", ".") or not self.chromosome:
            raise InputError(
                f"{self.chromosome}:{self.start}-{self.end}:{self.strand} is no interval.",
                where="interval",
                fix="Give chromosome, start, end not below start, and strand +, - or '.'.",
            )

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.chromosome}:{self.start}-{self.end}:{self.strand}"

    @classmethod
    def from_str(cls, text: str) -> Self:
        """From `chromosome:start-end` or `chromosome:start-end:strand`, counted from 0.

        Genome browsers count the start from 1: take one off theirs.

        Raises
        ------
        InputError
            If the text is of another form.

        Examples
        --------
        >>> len(Interval.from_str("chr1:1,000-2,000"))
        1000
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise InputError(
                f"{text!r} is no interval.",
                where="interval",
                fix="Write it as chr1:100-200 or chr1:100-200:-, counted from 0.",
            )
        start, end = (int(match[key].replace(",", "")) for key in ("start", "end"))
        return cls(match["chromosome"], start, end, match["strand"] or "+")

    @property
    def center(self) -> int:
        """The base in the middle; of two, the right one."""
        return (self.start + self.end) // 2

    def resize(self, length: int) -> Self:
        """An interval of another length around the same middle.

        Examples
        --------
        >>> str(Interval("chr1", 5, 6).resize(4))
        'chr1:3-7:+'
        """
        start = self.center - length // 2
        return replace(self, start=start, end=start + length)

    def shift(self, offset: int) -> Self:
        """The interval moved along the chromosome, to the right for positive offsets."""
        return replace(self, start=self.start + offset, end=self.end + offset)

    def pad(self, left: int, right: int) -> Self:
        """The interval made longer (or shorter) at each end, left and right on the chromosome."""
        return replace(self, start=self.start - left, end=self.end + right)

    def truncate(self, length: int) -> Self:
        """The part that lies on a chromosome of this length; of length 0 if none does.

        Examples
        --------
        >>> str(Interval("chr1", -5, 10).truncate(8))
        'chr1:0-8:+'
        """
        start = min(max(self.start, 0), length)
        return replace(self, start=start, end=max(start, min(self.end, length)))

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share a base; strands do not matter.

        Examples
        --------
        >>> Interval("chr1", 0, 5).overlaps(Interval("chr1", 5, 9))
        False
        """
        return self.chromosome == other.chromosome and max(self.start, other.start) < min(
            self.end, other.end
        )

    def contains(self, other: Interval) -> bool:
        """Whether the other lies within this one."""
        return (
            self.chromosome == other.chromosome
            and self.start <= other.start
            and other.end <= self.end
        )


def read_bed(path: str | Path) -> Iterator[Interval]:
    r"""Intervals of a BED file, one at a time; plain or gzipped.

    Headers, `track` and `browser` lines, comments and empty lines are passed over; the fourth
    column is the name, the sixth the strand ("." without one).

    Raises
    ------
    InputError
        If the file cannot be read, or a line is no interval; the line is named.

    Examples
    --------
    >>> _ = Path("two.bed").write_text("track name=x\nchr1\t0\t9\tpeak\t0\t-\nchr2\t5\t7\n")
    >>> [(str(one), one.name) for one in read_bed("two.bed")]
    [('chr1:0-9:-', 'peak'), ('chr2:5-7:.', '')]
    """
    at_start = True
    for number, line in read_lines(path):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        parts = line.split("\t") if "\t" in line else line.split()
        # A header of column names may only come before the first interval.
        if at_start and len(parts) > 2 and not parts[1].strip().lstrip("-").isdigit():
            at_start = False
            continue
        at_start = False
        yield _interval(parts, path, number)


def _interval(parts: list[str], path: str | Path, number: int) -> Interval:
    fix = "A line is chromosome, start, end and perhaps name, score, strand; tabs between them."
    try:
        start, end = int(parts[1]), int(parts[2])
    except (ValueError, IndexError) as error:
        what = f"Line {number} is no BED interval: {' '.join(parts)[:60]!r}."
        raise unreadable(path, what, fix, number) from error
    strand = parts[5].strip() if len(parts) > 5 else "."
    if not 0 <= start <= end or strand not in ("+", "-", "."):
        what = f"Line {number} is no BED interval: start {start}, end {end}, strand {strand!r}."
        raise unreadable(path, what, fix, number)
    return Interval(parts[0], start, end, strand, parts[3].strip() if len(parts) > 3 else "")
