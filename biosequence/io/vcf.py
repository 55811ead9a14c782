"""Variants of a VCF file, one allele at a time, checked against a reference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .intervals import Interval
from .reference import Reference
from .text import read_lines, unreadable

_BASES = re.compile(r"[ACGTNacgtn]+")


@dataclass(frozen=True, slots=True)
class Variant:
    """One alternative allele.

    Parameters
    ----------
    chromosome
        Name of the sequence.
    position
        Of the first base of `ref`, counted from 1, as in VCF.
    ref, alt
        The bases of the reference and those in their place, upper-case.
    name
        Id of the variant, "" without one.
    line
        Line of the file, from 1; 0 where there is none.

    Examples
    --------
    >>> Variant("chr1", 5, "A", "AT").kind
    'insertion'
    """

    chromosome: str
    position: int
    ref: str
    alt: str
    name: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.chromosome}:{self.position}:{self.ref}>{self.alt}"

    @property
    def interval(self) -> Interval:
        """The stretch of the reference that `ref` covers, counted from 0."""
        start = self.position - 1
        return Interval(self.chromosome, start, start + len(self.ref))

    @property
    def kind(self) -> str:
        """One of "snv", "insertion", "deletion" and "substitution"."""
        if len(self.ref) == len(self.alt):
            return "snv" if len(self.ref) == 1 else "substitution"
        if self.alt.startswith(self.ref):
            return "insertion"
        return "deletion" if self.ref.startswith(self.alt) else "substitution"


class VcfReader:
    r"""Variants of a VCF file, one at a time; several alleles of a line become several variants.

    What has no bases to put in (`*`, `<DEL>`, breakends, a missing allele) is left out and counted.

    Parameters
    ----------
    path
        The file, plain, gz or bgz.
    reference
        Compare every `ref` with this genome.

    Attributes
    ----------
    skipped
        How many alleles were left out so far, by reason: "missing", "overlapping deletion",
        "symbolic", "breakend".

    Raises
    ------
    InputError
        While reading: if the file cannot be read, is no VCF, a line is malformed, or `ref` is not
        what the reference has there (line, chromosome, position, and both are named).

    Examples
    --------
    >>> head = "#CHROM\tPOS\tID\tREF\tALT\n"
    >>> _ = Path("two.vcf").write_text(head + "chr1\t3\t.\tG\tA,*\n")
    >>> reader = VcfReader("two.vcf")
    >>> [str(variant) for variant in reader], dict(reader.skipped)
    (['chr1:3:G>A'], {'overlapping deletion': 1})
    """

    def __init__(self, path: str | Path, *, reference: Reference | None = None) -> None:
        self.path = path
        self.reference = reference
        self.skipped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Variant]:
        self.skipped.clear()
        has_header = False
        for number, line in read_lines(self.path):
            if line.startswith("#"):
                has_header = has_header or line.startswith(("##fileformat=VCF", "#CHROM"))
                continue
            if not line.strip():
                continue
            if not has_header:
                raise unreadable(
                    self.path,
                    "This is no VCF: it has no header.",
                    "Give a VCF file; its header line starts with #CHROM.",
                )
            yield from self._variants(line, number)
        if not has_header:
            raise unreadable(self.path, "This is no VCF: it has no header.", "Give a VCF file.")

    def _variants(self, line: str, number: int) -> Iterator[Variant]:
        parts = line.split("\t")
        fix = "A line is CHROM, POS, ID, REF and ALT, with tabs between them."
        if len(parts) < 5:
            what = f"Line {number} has {len(parts)} columns and needs at least 5."
            raise unreadable(self.path, what, fix, number)
        chromosome, position, name, ref, alternatives = (part.strip() for part in parts[:5])
        if not position.isdigit() or not _BASES.fullmatch(ref) or not int(position):
            what = f"Line {number} has position {position!r} and reference allele {ref[:40]!r}."
            raise unreadable(self.path, what, fix, number)
        kept = []
        for alt in alternatives.split(","):
            reason = why_skipped(alt)
            if reason is None and not _BASES.fullmatch(alt):
                what = f"Line {number} has the allele {alt[:40]!r}, which is no text of ACGTN."
                raise unreadable(self.path, what, fix, number)
            if reason is None:
                bases = ref.upper(), alt.upper()
                label = "" if name == "." else name
                kept.append(Variant(chromosome, int(position), *bases, label, number))
            else:
                self.skipped[reason] += 1
        if kept and self.reference is not None:
            check_reference(kept[0], self.reference, path=self.path)
        yield from kept


def why_skipped(alt: str) -> str | None:
    """Why an allele has no bases to put in; None if it has.

    Examples
    --------
    >>> why_skipped("*"), why_skipped("<DEL>"), why_skipped("AT")
    ('overlapping deletion', 'symbolic', None)
    """
    if alt in (".", ""):
        return "missing"
    if alt == "*":
        return "overlapping deletion"
    if alt.startswith("<"):
        return "symbolic"
    return "breakend" if any(sign in alt for sign in "[]") or "." in (alt[0], alt[-1]) else None


def check_reference(variant: Variant, reference: Reference, *, path: str | Path = "") -> None:
    """Make sure that a variant speaks of this genome.

    Raises
    ------
    InputError
        If the reference has no such place, or other bases there; N agrees with every base.
    """
    place = f"{variant.chromosome}:{variant.position}"
    where = f"{path}, line {variant.line}, {place}" if path else place
    end = variant.position - 1 + len(variant.ref)
    length = reference.lengths.get(variant.chromosome)
    if length is None or end > length:
        why = "no such sequence" if length is None else f"only {length:,} bases"
        raise InputError(
            f"The variant {variant} lies outside the reference, which has {why}.",
            where=where,
            fix=f"Take the genome and chromosome names of the VCF, not those of {reference.path}.",
        )
    found = reference.fetch(variant.interval).upper()
    if any(a != b and "N" not in (a, b) for a, b in zip(found, variant.ref, strict=True)):
        raise InputError(
            f"The VCF expects {variant.ref} at {place}, and the reference has {found}.",
            where=where,
            fix=f"Take the genome that the VCF was made with, not {reference.path}.",
        )
