"""Mutation lists and deep mutational scans in, a table of effects out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..progress import progress
from .long import CHUNK
from .mutations import (
    Mutant,
    check_method,
    check_mutants,
    likelihood_effects,
    read_wild_type,
    residue_log_probs,
    summed_effect,
)
from .score import BATCH_SIZE
from .tables import Column, write_table

if TYPE_CHECKING:
    from .loading import LoadedModel

COLUMNS = (Column("mutant", "{}"), Column("score", "{:.6f}"))
MEASURED = Column("DMS_score", "{:.6g}")


class NamedMutant(NamedTuple):
    """A mutant of a file."""

    name: str
    """Its mutations as text."""
    mutations: Mutant
    """Its mutations."""
    measured: float | None
    """What an experiment found, where the file says it."""


def score_mutation_file(
    loaded: LoadedModel,
    mutations: str | Path,
    wild_type: str | Path,
    output: str | Path,
    *,
    context: str | Path | None = None,
    method: str | None = None,
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
    resume: bool = False,
) -> dict[str, Any]:
    """Score the mutants of a file into a table (mutant, score and, where measured, DMS_score).

    Parameters
    ----------
    loaded, method, batch_size, chunk
        As in :func:`~biosequence.inference.score_mutants`.
    mutations
        One mutant a line (``A42G:L50P``), or a table with the columns `mutant` and `DMS_score`.
    wild_type
        FASTA with the one protein that the mutations count from.
    output
        The table, with tabs; it appears when it is whole.
    context
        Homologs, as an a3m alignment or FASTA; the wild type itself is left out.
    resume
        Go on where a stopped run of the same options and input was.

    Returns
    -------
    Mutants, the method, homologs read, and the Spearman correlation with what was measured.

    Raises
    ------
    BioseqError
        As :func:`~biosequence.inference.score_mutants`, and when a file cannot be used; the line
        of a wrong mutation is named.
    """
    method = check_method(loaded, method, has_context=context is not None)
    wild = read_one_protein(wild_type)
    mutants = list(read_mutants(mutations, wild))
    homologs = [] if context is None else read_homologs(context, wild)
    parsed = [mutant.mutations for mutant in mutants]
    check_mutants(loaded, wild, parsed)
    known = any(mutant.measured is not None for mutant in mutants)

    def rows(done: int) -> Iterator[dict[str, Any]]:
        if method == "likelihood":
            if done == len(parsed):
                return
            read = read_wild_type(loaded, wild, homologs, chunk=chunk)
            for number, effect in likelihood_effects(
                loaded, read, parsed, batch_size=batch_size, chunk=chunk, done=done
            ):
                yield {"number": number, "score": effect}
            return
        places = sorted({one.position for mutant in parsed for one in mutant})[done:]
        if not places:
            return
        read = read_wild_type(loaded, wild, homologs, chunk=chunk)
        found = residue_log_probs(
            loaded, read, places, method=method, batch_size=batch_size, chunk=chunk
        )
        for place, log_probs in zip(places, found, strict=True):
            yield {"place": place, "log_probs": log_probs.tolist()}

    scores = np.zeros(len(parsed))

    def arrange(found: Iterator[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        if method == "likelihood":
            for row in found:
                scores[row["number"]] = row["score"]
        else:
            table = {row["place"]: np.array(row["log_probs"]) for row in found}
            scores[:] = [summed_effect(loaded, mutant, table) for mutant in parsed]
        for mutant, score in zip(mutants, scores.tolist(), strict=True):
            yield {"mutant": mutant.name, "score": score, "DMS_score": mutant.measured}

    write_table(
        output,
        (*COLUMNS, MEASURED) if known else COLUMNS,
        lambda done: progress(rows(done), what="scoring"),
        options={"task": "mutations", "method": method},
        files=[path for path in (mutations, wild_type, context, loaded.path) if path is not None],
        resume=resume,
        arrange=arrange,
    )
    return {
        "output": str(output),
        "mutants": len(mutants),
        "method": method,
        "homologs": len(homologs),
        "spearman": _spearman(scores, mutants) if known else None,
    }


def read_mutants(path: str | Path, wild_type: str) -> Iterator[NamedMutant]:
    r"""Mutants of a list or of the table of a scan, checked against the wild type.

    Raises
    ------
    InputError
        The file cannot be read, or a line does not fit; it is named.

    Examples
    --------
    >>> _ = Path("list.txt").write_text("K2R\nT3S:A4G\n")
    >>> [one.name for one in read_mutants("list.txt", "MKTA")]
    ['K2R', 'T3S:A4G']
    """
    from ..io import apply_mutations, parse_mutations, read_dms
    from ..io.text import read_lines, unreadable

    first = next((line for _, line in islice(read_lines(path), 1)), "")
    if "mutant" in first.split(","):
        for row in read_dms(path, wild_type=wild_type):
            yield NamedMutant(str(row) or "WT", row.mutations, row.score)
        return
    found = False
    for number, line in read_lines(path):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = True
        try:
            mutations = parse_mutations(text)
            apply_mutations(wild_type, mutations)
        except InputError as error:
            what = f"Line {number} cannot be used: {error.what}"
            raise unreadable(path, what, error.fix, number) from error
        yield NamedMutant(":".join(map(str, mutations)) or "WT", mutations, None)
    if not found:
        raise unreadable(path, "There is no mutation in it.", "Write one a line, such as A42G.")


def read_one_protein(path: str | Path) -> str:
    """The one protein of a file.

    Raises
    ------
    InputError
        The file cannot be read, or has several records.
    """
    from ..io import read_sequences

    records = list(islice(read_sequences(path), 2))
    if len(records) != 1:
        raise InputError(
            "The file of the wild type has several records.",
            where=f"{path}: {', '.join(record.name for record in records)}, ...",
            fix="Give FASTA with the one protein that the mutations count from.",
        )
    return records[0].sequence.upper()


def read_homologs(path: str | Path, wild_type: str) -> list[str]:
    r"""Homologs of a protein, without gaps; the wild type itself is left out.

    Raises
    ------
    InputError
        The file cannot be read, or no homolog is left.

    Examples
    --------
    >>> _ = Path("x.a3m").write_text(">query\nMKTA\n>other\nM-ciTA\n")
    >>> read_homologs("x.a3m", "MKTA")
    ['MCITA']
    """
    from ..io import read_a3m, read_sequences
    from ..io.a3m import unaligned

    if ".a3m" in Path(path).suffixes:
        found: Sequence[str] = read_a3m(path).sequences()
    else:
        found = [unaligned(one.sequence) for one in read_sequences(path, duplicates="allow")]
    kept = [sequence for sequence in found if sequence and sequence != wild_type]
    if not kept:
        raise InputError(
            "There is no homolog besides the wild type.",
            where=str(path),
            fix="Leave the context out, or give an alignment with other sequences.",
        )
    return kept


def _spearman(scores: np.ndarray, mutants: Sequence[NamedMutant]) -> float | None:
    from scipy.stats import rankdata

    ranks = rankdata(scores), rankdata([mutant.measured for mutant in mutants])
    if min(np.ptp(rank) for rank in ranks) == 0:
        return None
    return float(np.corrcoef(*ranks)[0, 1])
