"""Zero-shot effects of mutations: rank correlation with every deep mutational scan of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..io import MutantScore, Mutation, read_a3m, read_dms, read_fasta
from ..progress import progress
from .classification import spread
from .metrics import RESAMPLES, mean_estimate, measure
from .report import Column, Plot, Report

Score = Callable[[str, Sequence[tuple[Mutation, ...]], Sequence[str]], Sequence[float]]
"""From a wild type, mutants and homologs to a score a mutant, higher meaning fitter."""
MOST_HOMOLOGS = 200
"""Homologs that are read before the wild type, at most, as in Prot-xLSTM."""


@dataclass(frozen=True)
class Assay:
    """A deep mutational scan.

    Parameters
    ----------
    name
        Name of the file without its ending.
    wild_type
        The protein.
    mutants
        Rows with at least one mutation.
    """

    name: str
    wild_type: str
    mutants: tuple[MutantScore, ...]


def evaluate_assays(
    score: Score,
    data: str | Path,
    *,
    context: str | Path | None = None,
    num_homologs: int = MOST_HOMOLOGS,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """Spearman's correlation of scores and measurements, for every assay and on average.

    Parameters
    ----------
    score
        Scores mutants of one protein; a model's is made of
        :func:`~biosequence.inference.score_mutants`.
    data
        Folder of tables as ProteinGym writes them (or with such a folder `test`), or one table.
    context
        Folder with an alignment ``ASSAY.a3m`` for each assay; None: no homologs.
    num_homologs
        So many are drawn from the whole alignment, without repetition, by the seed.
    limit
        At most so many mutants an assay, drawn by the seed; all when None.
    resamples, seed
        Of the intervals; that of the mean draws assays.

    Raises
    ------
    InputError
        A table or alignment cannot be used, or there is none.
    """
    rows: list[dict[str, Any]] = []
    for path in progress(_assay_files(data), what="scoring", unit=" assays"):
        assay = read_assay(path)
        mutants = _drawn(assay.mutants, limit, seed)
        homologs: list[str] = []
        if context is not None:
            homologs = _homologs(context, assay, num_homologs, seed)
        found = score(assay.wild_type, [one.mutations for one in mutants], homologs)
        measured = np.array([one.score for one in mutants])
        estimate = measure(
            "spearman", measured, np.asarray(found, float), resamples=resamples, seed=seed
        )
        rows.append(
            {
                "assay": assay.name,
                "mutants": len(mutants),
                "multiple": sum(len(one.mutations) > 1 for one in mutants),
                "length": len(assay.wild_type),
                "homologs": len(homologs),
                **spread("spearman", estimate),
            }
        )
    return _report(rows, limit, resamples, seed)


def read_assay(path: str | Path) -> Assay:
    r"""An assay from its table, every mutant checked against the wild type.

    The wild type is what is left of a `mutated_sequence` when its mutations are undone; a table
    without that column needs a FASTA of the same name beside it.

    Raises
    ------
    InputError
        The table cannot be read, contradicts itself, or has no mutant.

    Examples
    --------
    >>> _ = Path("A.csv").write_text("mutant,mutated_sequence,DMS_score\nK2R,MRTA,0.5\n")
    >>> read_assay("A.csv").wild_type
    'MKTA'
    """
    first = next(read_dms(path), None)
    if first is None:
        raise InputError("The assay has no rows.", where=str(path), fix="Take the file out.")
    wild = _undone(first, path) if first.sequence else _wild_type_beside(path)
    # A wild type among the rows is its own mutant: it would only tie with itself.
    mutants = tuple(row for row in read_dms(path, wild_type=wild) if row.mutations)
    if not mutants:
        raise InputError("The assay has no mutant.", where=str(path), fix="Take the file out.")
    return Assay(_stem(path), wild, mutants)


def _undone(row: MutantScore, path: str | Path) -> str:
    residues = list(row.sequence)
    for one in row.mutations:
        if not one.position <= len(residues) or residues[one.position - 1] != one.mutant:
            raise InputError(
                f"{one} is not in the sequence beside it.",
                where=f"{path}, line 2",
                fix="Positions count from 1 in mutated_sequence; correct the table.",
            )
        residues[one.position - 1] = one.wild
    return "".join(residues)


def _wild_type_beside(path: str | Path) -> str:
    for ending in (".fasta", ".fa"):
        beside = Path(path).with_name(_stem(path) + ending)
        if beside.is_file():
            return next(iter(read_fasta(beside))).sequence.upper()
    raise InputError(
        "The table has no column mutated_sequence, so that the wild type is not known.",
        where=str(path),
        fix=f"Put the wild type beside it, as {_stem(path)}.fasta.",
    )


def _assay_files(data: str | Path) -> list[Path]:
    base = Path(data)
    if base.is_file():
        return [base]
    # `bioseq data prepare proteingym` puts the assays into `test`, and a reference beside it.
    base = base / "test" if (base / "test").is_dir() else base
    found = sorted(base.glob("*.csv")) + sorted(base.glob("*.csv.gz"))
    if not found:
        raise InputError(
            "There is no assay there.",
            where=str(data),
            fix="Give a folder of .csv files with the columns mutant,mutated_sequence,DMS_score.",
        )
    return found


def _stem(path: str | Path) -> str:
    return Path(path).name.removesuffix(".gz").removesuffix(".csv")


def _homologs(folder: str | Path, assay: Assay, number: int, seed: int) -> list[str]:
    path = next(
        (
            one
            for one in (Path(folder) / f"{assay.name}{end}" for end in (".a3m", ".a3m.gz"))
            if one.is_file()
        ),
        None,
    )
    if path is None:
        raise InputError(
            f"The assay {assay.name!r} has no alignment.",
            where=str(folder),
            fix=f"Put {assay.name}.a3m there, or leave the context out.",
        )
    known = dict.fromkeys(read_a3m(path).sequences())
    known.pop(assay.wild_type, None)
    kept = [sequence for sequence in known if sequence]
    drawn = np.random.default_rng(seed).permutation(len(kept))[:number]
    return [kept[at] for at in drawn]


def _drawn(mutants: Sequence[MutantScore], limit: int | None, seed: int) -> list[MutantScore]:
    if limit is None or len(mutants) <= limit:
        return list(mutants)
    drawn = np.random.default_rng(seed).choice(len(mutants), limit, replace=False)
    return [mutants[at] for at in np.sort(drawn)]


def _report(rows: list[dict[str, Any]], limit: int | None, resamples: int, seed: int) -> Report:
    known = np.array([row["spearman"] for row in rows if row["spearman"] is not None])
    mean = mean_estimate(known, resamples=resamples, seed=seed)
    notes = [
        "Scores are mutant minus wild type, without any training on measurements. The mean is over "
        "assays, each with the same weight; its interval draws assays again.",
    ]
    constant = [row["assay"] for row in rows if row["spearman"] is None]
    if constant:
        notes.append(f"Without ranks, and not in the mean: {', '.join(constant)}.")
    if limit is not None:
        notes.append(f"At most {limit:,} mutants an assay, drawn with seed {seed}.")
    return Report(
        suite="proteingym",
        title="Zero-shot effects of mutations",
        columns=(
            Column("assay", "assay"),
            Column("mutants", "mutants", "{:,}"),
            Column("multiple", "of several mutations", "{:,}"),
            Column("length", "residues", "{:,}"),
            Column("homologs", "homologs read", "{:,}"),
            Column("spearman", "Spearman", "{:.3f}", interval=True),
        ),
        rows=tuple(rows),
        summary={
            "assays": len(known),
            "mean Spearman": mean.value,
            "mean Spearman, low": mean.low,
            "mean Spearman, high": mean.high,
        },
        plot=Plot("bar", "assay", "spearman", "Spearman's correlation"),
        notes=tuple(notes),
    )
