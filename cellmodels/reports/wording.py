"""Sentences of the report that depend on the result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .attention import Concern
from .composition import Composition

if TYPE_CHECKING:
    from cellmodels.inputs import MatrixState

STATES = {
    "counts": "counts",
    "log1p_cp10k": "log1p of counts per 10,000",
    "log1p_other": "logarithms on another scale",
    "linear": "values that are neither whole numbers nor logarithms",
    "scaled": "scaled values",
    "empty": "nothing but zeros",
    "mixed": "counts and logarithms mixed",
}
SURE = 0.75


def number(count: int, one: str, many: str = "") -> str:
    """The count with its noun, in the right number."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def share(part: float, whole: float = 1.0) -> str:
    """A percentage that never rounds something to nothing or to all."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 1:
        return "<1%"
    if 99 < percent < 100:
        return ">99%"
    return f"{percent:.0f}%"


def probability(value: float) -> str:
    """Two digits, and never a certainty."""
    return ">0.99" if value >= 0.995 else f"{value:.2f}"


def matrix_name(state: MatrixState) -> str:
    """How people call the matrix."""
    if state.matrix == "X":
        return "X"
    return "raw.X" if state.matrix == "raw" else f"layer {state.matrix}"


def plain_day(time: str) -> str:
    """``"2026-11-22T20:01:02+00:00"`` as ``"22 November 2026"``; other text stays as it is."""
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)", time)
    if not found or not 1 <= int(found[2]) <= 12:
        return time
    months = (
        "January February March April May June July August September October November December"
    ).split()
    return f"{int(found[3])} {months[int(found[2]) - 1]} {found[1]}"


def summary(
    composition: Composition,
    confidence: np.ndarray,
    concerns: Sequence[Concern],
    num_clusters: int,
    tissue: str,
) -> tuple[str, ...]:
    """What was found, how sure it is, and what to look at first: a sentence each."""
    return (
        _found(composition, len(confidence), tissue),
        _sureness(composition, confidence),
        _doubts(concerns, num_clusters),
    )


def _found(composition: Composition, num_cells: int, tissue: str) -> str:
    cells = number(num_cells, "cell") + (f" ({tissue})" if tissue else "")
    known = composition.known
    if not known:
        return f"No cell type could be named in {cells}: the evidence was too weak for every one."
    most = [f"{row.name} ({share(row.share)})" for row in known[:3]]
    listed = most[0] if len(most) == 1 else ", ".join(most[:-1]) + " and " + most[-1]
    if len(known) == 1:
        return f"One cell type was found in {cells}: {listed}."
    lead = ": " if len(known) <= 3 else "; the most frequent are "
    return f"{len(known)} cell types were found in {cells}{lead}{listed}."


def _sureness(composition: Composition, confidence: np.ndarray) -> str:
    known = np.array([row.known for row in composition.rows], bool)[composition.row_of_cell]
    total = max(len(confidence), 1)
    sure = int((known & (confidence >= SURE)).sum())
    unknown = int((~known).sum())
    rest = f"{share(unknown, total)} stay Unknown" if unknown else "no cell is left Unknown"
    return (
        f"{share(sure, total)} of the cells have an answer of confidence {SURE:g} or more; {rest}."
    )


def _doubts(concerns: Sequence[Concern], num_clusters: int) -> str:
    if not concerns:
        return "No answer calls for a second look."
    unit = "cluster" if num_clusters else "cell type"
    total = f" of {number(num_clusters, unit)}" if num_clusters else ""
    verb = "deserves" if len(concerns) == 1 else "deserve"
    counted = f"{len(concerns)}{total}" if total else number(len(concerns), unit)
    return f"{counted} {verb} a second look: why, and what to do, comes next."


def methods_text(
    *,
    version: str,
    model: str,
    matrix: str,
    state: str,
    genes: str,
    against: str,
    clusters: str,
) -> str:
    """A paragraph for the methods section of a paper."""
    by = f"bioseq-toolkit {version}" + (f" (model: {model})" if model else "")
    return " ".join(
        [
            f"Cell types were assigned with {by}.",
            f"Expression was read from {matrix} ({STATES.get(state, state)}; {genes}) and brought "
            "to log1p of counts per 10,000.",
            f"Each cell was scored against {against}{clusters}",
            "Where subtypes could not be told apart, the cell was given their parent term, and "
            "where the evidence was too weak, none. Confidence is the calibrated probability that "
            "the cell is of the given type or one of its subtypes.",
        ]
    )
