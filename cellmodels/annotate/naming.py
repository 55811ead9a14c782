"""The final label of every cell, from its own answer and its cluster's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

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
    ids = np.array([*tree.term_ids, ""], dtype=object)
    node_B = np.where(cells.confidence_B >= minimum, cells.node_B, -1)
    per_cell = names[node_B]
    cell_type, term, confidence = per_cell.copy(), ids[node_B], cells.confidence_B.copy()
    if clusters is None:
        return cell_type, term, confidence, per_cell
    deciding = [a for a in answers if a.status != "mixed" and a.cluster != NOT_CLUSTERED]
    # -1 where the cluster does not decide; looked up once for all clusters, not cluster by cluster.
    answer_B = pd.Index([a.cluster for a in deciding], dtype=object).get_indexer(clusters.names_B)
    rows = np.flatnonzero((answer_B >= 0) & cells.judged_B)
    of_rows = answer_B[rows]
    cell_type[rows] = np.array([a.call.name for a in deciding], dtype=object)[of_rows]
    term[rows] = np.array([a.call.cl_id for a in deciding], dtype=object)[of_rows]
    confidence[rows] = np.array([a.call.confidence for a in deciding], dtype=np.float32)[of_rows]
    return cell_type, term, confidence, per_cell
