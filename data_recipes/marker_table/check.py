"""Hold the marker table against the profile library: which markers the data support.

``python -m bioseq_recipes.marker_table.check --source DIR --output marker_report.tsv``

``DIR`` holds ``profiles_human.h5ad`` and ``profiles_mouse.h5ad``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellmodels.knowledge import MarkerRow, marker_rows
from cellmodels.ontology import cell_ontology

from ..default_model.features import UNINFORMATIVE, shared_markers
from ..default_model.references import References, read_library

# Shapes: G genes, D data sets (one organ of one study) that hold the type.

FEWEST_OTHERS = 4
SUPPORTED = 0.8
CONTRADICTED = 0.5
MISSING = 0.97
# log1p(CP10k) of a mean profile that single cells show as well.
LEAST_LEVEL = 0.7
MISSING_SHOWN = 5


@dataclass(frozen=True)
class Measured:
    """How one cell type looks in each data set that holds it.

    Attributes
    ----------
    specificity_DG
        Share of the data set's other cell types that express the gene less; NaN where nothing does.
    level_DG
        log1p(CP10k) of the type's mean profile.
    tissues
        Organ of each data set.
    num_profiles
        Profiles of the type and its subtypes in those data sets.
    """

    specificity_DG: np.ndarray
    level_DG: np.ndarray
    tissues: tuple[str, ...]
    num_profiles: int


def measure(
    references: References, log_RG: np.ndarray, cl_id: str, organism: str
) -> Measured | None:
    """The type (with its subtypes) against unrelated types of its data sets; None if unmeasured.

    Parameters
    ----------
    log_RG
        log1p of the references' linear profiles.
    organism
        "human", "mouse" or "both".
    """
    ontology, obs = cell_ontology(), references.obs
    above, below = ontology.ancestors(cl_id), ontology.descendants(cl_id) | {cl_id}
    inside = obs["cl_id"].isin(below).to_numpy()
    # A broad label may hide the type itself: it is neither for nor against.
    outside = ~inside & ~obs["cl_id"].isin(above).to_numpy()
    if organism != "both":
        inside &= (obs["organism"] == organism).to_numpy()
    specificity, level, tissues, count = [], [], [], 0
    for dataset in obs["dataset"][inside].unique():
        here = (obs["dataset"] == dataset).to_numpy()
        others_OG = log_RG[here & outside]
        if len(others_OG) < FEWEST_OTHERS:
            continue
        mean_G = log_RG[here & inside].mean(axis=0)
        share_G = (others_OG < mean_G).mean(axis=0) + 0.5 * (others_OG == mean_G).mean(axis=0)
        share_G[log_RG[here].max(axis=0) == 0] = np.nan
        specificity.append(share_G)
        level.append(mean_G)
        tissues.append(str(obs["tissue"][here].iloc[0]))
        count += int((here & inside).sum())
    if not specificity:
        return None
    return Measured(np.array(specificity), np.array(level), tuple(tissues), count)


def verdict(specificity_D: np.ndarray) -> str:
    """What the data sets say together about one marker of one type."""
    seen = specificity_D[~np.isnan(specificity_D)]
    if not seen.size:
        return "unmeasured"
    if np.mean(seen < CONTRADICTED) > 0.5:
        return "contradicted"
    return "supported" if np.median(seen) >= SUPPORTED else "weak"


def report(references: References, rows: Sequence[MarkerRow]) -> pd.DataFrame:
    """One line a marker, in the table's order, and the specific genes that a row lacks (rank 0).

    Returns
    -------
    Columns cl_id, name, organism, gene, rank, n_profiles, n_datasets, specificity (median over data
    sets), level (mean log1p CP10k), verdict, against (organs where other types express it more).
    """
    log_RG = np.log1p(references.linear_RG)
    lines = [line for row in rows for line in _row_lines(references, log_RG, row)]
    columns = (
        "cl_id", "name", "organism", "gene", "rank", "n_profiles", "n_datasets", "specificity",
        "level", "verdict", "against",
    )  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def _row_lines(references: References, log_RG: np.ndarray, row: MarkerRow) -> Iterator[tuple]:
    column = {gene: index for index, gene in enumerate(references.genes)}
    measured = measure(references, log_RG, row.cl_id, row.organism)
    start = (row.cl_id, row.name, row.organism)
    markers = shared_markers(row, "positive")
    for rank, gene in enumerate(markers, start=1):
        if measured is None or gene not in column:
            yield (*start, gene, rank, 0, 0, np.nan, np.nan, "unmeasured", "")
        else:
            yield _line(start, gene, rank, measured, column[gene])
    if measured is not None and len(measured.tissues) > 1:
        known = {*markers, *shared_markers(row, "negative")}
        for index in _missing(measured, references.genes, known):
            line = _line(start, references.genes[index], 0, measured, index)
            yield (*line[:-2], "missing", line[-1])


def _line(start: tuple, gene: str, rank: int, measured: Measured, index: int) -> tuple:
    specificity_D = measured.specificity_DG[:, index]
    seen = specificity_D[~np.isnan(specificity_D)]
    against = sorted(
        {
            tissue
            for tissue, value in zip(measured.tissues, specificity_D, strict=True)
            if value < CONTRADICTED
        }
    )
    middle = round(float(np.median(seen)), 3) if seen.size else np.nan
    level = round(float(measured.level_DG[:, index].mean()), 2)
    counts = (measured.num_profiles, int(seen.size))
    return (*start, gene, rank, *counts, middle, level, verdict(specificity_D), ",".join(against))


def _missing(measured: Measured, genes: np.ndarray, known: set[str]) -> list[int]:
    """Genes that mark the type in every data set and are not in its row, strongest first."""
    least_G = np.nan_to_num(measured.specificity_DG, nan=0.0).min(axis=0)
    level_G = measured.level_DG.mean(axis=0)
    fit = np.flatnonzero((least_G >= MISSING) & (level_G >= LEAST_LEVEL))
    fit = [i for i in fit if genes[i] not in known and not UNINFORMATIVE.match(genes[i])]
    return sorted(fit, key=lambda i: -level_G[i])[:MISSING_SHOWN]


def main() -> None:
    """Write the report and print how many markers the data support."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder of the profile library")
    parser.add_argument("--output", type=Path, required=True, help="the report, tab separated")
    options = parser.parse_args()
    rows = marker_rows()
    table = report(read_library(options.source), rows)
    table.to_csv(options.output, sep="\t", index=False)
    counted = Counter(table["verdict"][table["rank"] > 0])
    judged = sum(counted[name] for name in ("supported", "weak", "contradicted"))
    print(f"{len(rows)} rows, {sum(counted.values())} markers, {judged} of them measured")
    for name in ("supported", "weak", "contradicted"):
        top = table[(table["verdict"] == name) & table["rank"].between(1, 5)]
        print(f"{name:13} {counted[name]:6} ({counted[name] / judged:.1%}), {len(top)} of rank 1-5")


if __name__ == "__main__":
    main()
