"""From per-cell answers to one answer a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from .answers import AnswerTree
from .calibration import Calibration
from .nodes import free_node, lineage_up, node_lineage, node_name
from .result import UNKNOWN, Call, ClusterAnswer

# Shapes: C classes.

SMALL = 5
# Two lineages with this share of the cells' own answers each, in a cluster that is not sure of
# itself, are two kinds of cells. Single cells are judged with less evidence than their cluster:
# below that they are taken to err.
MIXED_SHARE = 0.3
MIXED_BELOW = 0.7


def vote(
    name: str,
    per_cell: Sequence[str],
    p_C: np.ndarray,
    tree: AnswerTree,
    calibration: Calibration,
    minimum: float,
) -> ClusterAnswer:
    """The answer for one cluster.

    Parameters
    ----------
    name
        The cluster.
    per_cell
        Node of each cell's own answer ("" where Unknown).
    p_C
        Probabilities of the cluster as a whole, already calibrated.
    minimum
        The user's --min-confidence.
    """
    call = tree.call(p_C, calibration.threshold, minimum, worth=calibration.confidence)
    votes = Counter(per_cell)
    shares = tuple(
        (node_name(node) if node else UNKNOWN, count / len(per_cell))
        for node, count in sorted(votes.items(), key=lambda item: (-item[1], item[0]))[:5]
    )
    agreement = 0.0
    if call.known:
        answer = call.cl_id or free_node(call.name)
        agreeing = sum(count for node, count in votes.items() if node and _agree(node, answer))
        agreement = agreeing / len(per_cell)
    status = _status(call, votes, len(per_cell))
    return ClusterAnswer(name, len(per_cell), call, status, agreement, votes=shares)


def _status(call: Call, votes: Counter, n_cells: int) -> str:
    if not call.known:
        return "unknown"
    if n_cells < SMALL:
        return "small"
    lineages: Counter = Counter()
    for node, count in votes.items():
        if node:
            lineages[node_lineage(node)] += count
    large = sum(count >= MIXED_SHARE * n_cells for count in lineages.values())
    return "mixed" if large > 1 and call.confidence < MIXED_BELOW else "named"


def _agree(one: str, other: str) -> bool:
    """On one branch of the ontology, or in one lineage."""
    if one in lineage_up(other) or other in lineage_up(one):
        return True
    return node_lineage(one) == node_lineage(other)
