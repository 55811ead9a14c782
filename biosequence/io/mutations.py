"""Protein mutations as text (`A42G:L50P`), and tables of deep mutational scans."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .text import read_lines, unreadable

_ONE = re.compile(r"([A-Z])([0-9]+)([A-Z])")
_SEPARATORS = re.compile(r"[:,;/+]")
# What scans call the protein that was not mutated.
_WILD_TYPE = ("", "WT", "wt", "_wt", "p.=")


@dataclass(frozen=True, order=True, slots=True)
class Mutation:
    """One residue in the place of another.

    Parameters
    ----------
    position
        Counted from 1.
    wild, mutant
        The residue of the wild type, and the one that replaces it.

    Examples
    --------
    >>> str(Mutation(42, "A", "G"))
    'A42G'
    """

    position: int
    wild: str
    mutant: str

    def __str__(self) -> str:
        return f"{self.wild}{self.position}{self.mutant}"


@dataclass(frozen=True, slots=True)
class MutantScore:
    """One row of a deep mutational scan.

    Parameters
    ----------
    mutations
        Against the wild type; none for the wild type itself.
    sequence
        The mutated protein, "" where the table has none.
    score
        What was measured.
    """

    mutations: tuple[Mutation, ...]
    sequence: str
    score: float

    def __str__(self) -> str:
        return ":".join(map(str, self.mutations))


def parse_mutations(text: str) -> tuple[Mutation, ...]:
    """Mutations from text, by position; positions are counted from 1.

    Parameters
    ----------
    text
        Such as `A42G`, or several with `:` between them; "" and "WT" are none.

    Raises
    ------
    InputError
        If a part is of another form, or a position comes twice.

    Examples
    --------
    >>> [str(one) for one in parse_mutations("L50P:A42G")]
    ['A42G', 'L50P']
    """
    if text.strip() in _WILD_TYPE:
        return ()
    found = {}
    for part in _SEPARATORS.split(text.strip()):
        match = _ONE.fullmatch(part.strip().removeprefix("p."))
        if match is None or int(match[2]) == 0 or int(match[2]) in found:
            twice = match is not None and int(match[2]) in found
            raise InputError(
                f"{part!r} is {'a second mutation of its position' if twice else 'no mutation'}.",
                where=f"mutations {text!r}",
                fix="Write wild residue, position from 1, new residue: A42G, or A42G:L50P.",
            )
        found[int(match[2])] = Mutation(int(match[2]), match[1], match[3])
    return tuple(found[position] for position in sorted(found))


def apply_mutations(wild_type: str, mutations: str | Sequence[Mutation], *, offset: int = 0) -> str:
    """The mutated protein.

    Parameters
    ----------
    wild_type
        The protein.
    mutations
        As text or parsed.
    offset
        How many residues of the numbering come before the first of `wild_type`.

    Raises
    ------
    InputError
        If the wild type is too short or has another residue at a position.

    Examples
    --------
    >>> apply_mutations("MKTA", "K2R:A4G")
    'MRTG'
    """
    parsed = parse_mutations(mutations) if isinstance(mutations, str) else mutations
    residues = list(wild_type)
    for one in parsed:
        place = one.position - 1 - offset
        if not 0 <= place < len(residues):
            first, last = 1 + offset, len(residues) + offset
            what = f"{one} lies outside the wild type, whose residues are {first} to {last}."
        elif residues[place] != one.wild:
            what = (
                f"{one} expects {one.wild} at {one.position}; the wild type has {residues[place]}."
            )
        else:
            residues[place] = one.mutant
            continue
        raise InputError(
            what,
            where=f"mutation {one}, wild type of {len(wild_type)} residues",
            fix="Give the wild type that the mutations count from, or the right offset.",
        )
    return "".join(residues)


def read_dms(path: str | Path, *, wild_type: str | None = None) -> Iterator[MutantScore]:
    r"""Rows of a deep mutational scan, as ProteinGym writes them; one at a time.

    Columns `mutant` and `DMS_score`, and perhaps `mutated_sequence`; others are passed over.

    Parameters
    ----------
    path
        The CSV file, plain or gzipped.
    wild_type
        Apply the mutations to this protein: it fills sequences that the table lacks, and those
        that it has are compared with it.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, a row is malformed, or the mutations do
        not fit the wild type or the table's own sequence; the line is named.

    Examples
    --------
    >>> _ = Path("scan.csv").write_text("mutant,DMS_score\nK2R,0.5\n")
    >>> [(str(row), row.sequence, row.score) for row in read_dms("scan.csv", wild_type="MKTA")]
    [('K2R', 'MRTA', 0.5)]
    """
    texts = (line for _, line in read_lines(path))
    rows = csv.DictReader(texts, strict=True)
    missing = {"mutant", "DMS_score"} - set(rows.fieldnames or ())
    if missing:
        raise unreadable(
            path,
            f"The column {' and '.join(sorted(missing))} is missing.",
            "Give a table with the columns mutant and DMS_score, as ProteinGym has them.",
            1,
        )
    for row in rows:
        try:
            mutations = parse_mutations(row["mutant"] or "")
            score = float(row["DMS_score"])
            sequence = (row.get("mutated_sequence") or "").strip()
            if wild_type is not None:
                made = apply_mutations(wild_type, mutations)
                if sequence and made != sequence:
                    raise ValueError("the mutations do not give the sequence of the table")
                sequence = made
        except (ValueError, TypeError) as error:
            first = str(error).splitlines()[0]
            what = f"Line {rows.line_num} cannot be used: {first}"
            fix = getattr(error, "fix", "") or "Correct the line, or take it out."
            raise unreadable(path, what, fix, rows.line_num) from error
        yield MutantScore(mutations, sequence, score)
