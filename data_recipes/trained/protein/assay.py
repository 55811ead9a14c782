"""The scan of TEM-1 beta-lactamase as a table, with what relatives of it the corpus has."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from Bio.Align import PairwiseAligner, substitution_matrices

from biosequence.atomic import atomic_folder
from biosequence.errors import InputError
from biosequence.io import Record, parse_mutations, read_fasta

from .families import PROTEINS, SOURCES

ASSAY = "protein_dms_blat_P62593"
# Of Karlin and Altschul, for BLOSUM62 with gaps of 11 + 1 per residue.
_LAMBDA, _K = 0.267, 0.041
E_VALUE = 1e-3
_KNOWN = frozenset("ACDEFGHIKLMNPQRSTVWYBZX")


class Hit(NamedTuple):
    """A relative: its record, how it scores, how often chance scores so, its row of a3m."""

    record: Record
    score: float
    e_value: float
    row: str


def prepare_assay(source: Path, output: Path) -> dict[str, Any]:
    """The assay and the alignment of its homologs in a folder, and the facts about them.

    Rows without a change of residue, copies of the wild type, are left out.

    Raises
    ------
    InputError
        If a row is not that of a mutant of one residue.
    """
    facts_path = output / "facts.json"
    if facts_path.is_file():
        return json.loads(facts_path.read_text(encoding="utf-8"))
    path = source / f"{ASSAY}.fasta.gz"
    rows, wild, copies = _mutants(path)
    corpus = source / SOURCES[PROTEINS]
    hits = find_homologs(wild, read_fasta(corpus, duplicates="allow", empty="skip"))
    facts = {
        "mutants": len(rows),
        "copies_of_the_wild_type_left_out": copies,
        "residues": len(wild),
        "homologs": [
            {"name": one.record.name, "score": one.score, "e_value": one.e_value} for one in hits
        ],
    }
    with atomic_folder(output) as partial:
        with (partial / f"{ASSAY}.csv").open("w", encoding="utf-8", newline="") as handle:
            table = csv.writer(handle, lineterminator="\n")
            table.writerow(("mutant", "mutated_sequence", "DMS_score"))
            table.writerows(rows)
        aligned = [f">wild_type\n{wild}\n"]
        aligned += [f">{one.record.name.split()[0]}\n{one.row}\n" for one in hits]
        (partial / f"{ASSAY}.a3m").write_text("".join(aligned), encoding="utf-8")
        (partial / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


def find_homologs(wild: str, records: Iterable[Record]) -> list[Hit]:
    """Proteins that align with one better than chance would have it, the best first.

    Smith-Waterman with BLOSUM62; proteins of half to twice the length are compared. A copy of the
    protein itself is none.

    Examples
    --------
    >>> kin = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVK"
    >>> found = find_homologs(kin, [Record("a", kin[3:40] + "W" + kin[40:]), Record("b", "G" * 60)])
    >>> [(one.record.name, one.row[:6]) for one in found]
    [('a', '---AYI')]
    """
    aligner = PairwiseAligner(
        mode="local",
        substitution_matrix=substitution_matrices.load("BLOSUM62"),
        open_gap_score=-12,
        extend_gap_score=-1,
    )
    residues, scored = 0, []
    for record in records:
        residues += len(record.sequence)
        if len(wild) <= 2 * len(record.sequence) <= 4 * len(wild) and record.sequence != wild:
            text = _plain(record.sequence)
            scored.append((aligner.score(wild, text), record, text))
    found = []
    for score, record, text in scored:
        e_value = _K * len(wild) * residues * math.exp(-_LAMBDA * score)
        if e_value <= E_VALUE:
            row = _row(aligner.align(wild, text)[0].aligned, text, len(wild))
            found.append(Hit(record, score, e_value, row))
    return sorted(found, key=lambda one: one.e_value)


def _mutants(path: Path) -> tuple[list[tuple[str, str, str]], str, int]:
    rows, wild, copies = [], "", 0
    for record in read_fasta(path, duplicates="allow"):
        name, value = _fields(record, path)
        sequence = record.sequence
        (mutation,) = parse_mutations(name)
        if mutation.wild == mutation.mutant:
            copies += 1
            continue
        before, after = sequence[: mutation.position - 1], sequence[mutation.position :]
        wild = wild or before + mutation.wild + after
        if before + mutation.wild + after != wild:
            raise InputError(
                f"{name} is not a mutant of the protein of the first row.",
                where=f"{path}, {record.name}",
                fix="Give the scan as it was published.",
            )
        rows.append((name, sequence, value))
    return rows, wild, copies


def _fields(record: Record, path: Path) -> tuple[str, str]:
    parts = record.name.split("|")
    if len(parts) != 3 or "_" not in parts[1]:
        raise InputError(
            "A header is not NUMBER|PROTEIN_MUTATION|FITNESS.",
            where=f"{path}, {record.name}",
            fix="Give the scan as it was published.",
        )
    return parts[1].rpartition("_")[2], parts[2]


def _plain(sequence: str) -> str:
    return "".join(one if one in _KNOWN else "X" for one in sequence.upper())


def _row(blocks: Any, text: str, width: int) -> str:
    """The row of an a3m: upper case and gaps in the wild type's columns, the rest in lower case."""
    pieces, column, at = [], 0, 0
    for (start, stop), (first, last) in zip(*blocks, strict=True):
        pieces += ["-" * (start - column), text[at:first].lower(), text[first:last]]
        column, at = stop, last
    return "".join([*pieces, "-" * (width - column), text[at:].lower()])


def aligned_columns(path: Path) -> Iterator[str]:
    """What stands in each column of the wild type, gaps left out."""
    rows = [record.sequence for record in read_fasta(path, duplicates="allow")]
    plain = ["".join(one for one in row if not one.islower()) for row in rows]
    for column in zip(*plain, strict=True):
        yield "".join(column).replace("-", "")
