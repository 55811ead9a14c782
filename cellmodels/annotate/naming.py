"""The final label of every cell, from its own answer and its cluster's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .answers import AnswerTree
from .clusters import NOT_CLUSTERED, Clusters
from .result import UNKNOWN, ClusterAnswer
from .scoring import Collected


def name_cells(
    cells: Collected,
    clusters: Clusters | None,
    answers: Sequence[ClusterAnswer],
    tree: AnswerTree,
    minimum: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """cell_type, ontology_term_id, confidence and per_cell of every cell.

    Cells take the answer of their cluster. In a mixed cluster, and where cells were not clustered,
    each keeps its own; an unknown cluster leaves its cells Unknown. A cell of too few genes is
    Unknown wherever it lies.
    """
    names = np.array([*tree.names, UNKNOWN], dtype=object)
    ids = np.array([*tree.nodes, ""], dtype=object)
    node_B = np.where(cells.confidence_B >= minimum, cells.node_B, -1)
    per_cell = names[node_B]
    cell_type, term, confidence = per_cell.copy(), ids[node_B], cells.confidence_B.copy()
    if clusters is None:
        return cell_type, term, confidence, per_cell
    for answer in answers:
        if answer.status == "mixed" or answer.cluster == NOT_CLUSTERED:
            continue
        rows = (clusters.names_B == answer.cluster) & cells.judged_B
        cell_type[rows] = answer.call.name
        term[rows] = answer.call.cl_id
        confidence[rows] = answer.call.confidence
    return cell_type, term, confidence, per_cell
