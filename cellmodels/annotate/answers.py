"""From class probabilities to an answer on the ontology: as fine as the evidence allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from scipy import sparse

from cellmodels.ontology import cell_ontology

from .nodes import label, lineage_up, node_name, term_id
from .result import UNKNOWN, Call

# Shapes: B cells, C classes, N answer nodes.

CELL = "CL:0000000"
# No held-out set is large enough to vouch for more, so --min-confidence 1 leaves all Unknown.
MOST = 0.9999


class AnswerTree:
    """The nodes that may be answered, and the classes below each.

    Nodes are the model's classes and the lineages and compartments above them, so that two siblings
    that cannot be told apart are answered by a parent that a biologist would use.

    Parameters
    ----------
    classes
        Cell Ontology ids of the model's classes, or texts as nodes (:func:`free_node`).
    extra
        Further answers: broad types that are no class of their own.
    only
        Allowed answers; None allows every node, and takes classes with ids only.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        extra: Sequence[str] = (),
        only: Sequence[str] | None = None,
    ) -> None:
        ontology = cell_ontology()
        self.classes = tuple(classes)
        if only is None:
            wanted = set(classes) | set(extra)
            for cl_id in classes:
                wanted |= {
                    ontology.roll_up(cl_id, "lineage"),
                    ontology.roll_up(cl_id, "compartment"),
                }
            wanted -= {CELL}
        else:
            wanted = set(only)
        above = [lineage_up(c) for c in classes]
        member = {n: [n in lineage for lineage in above] for n in sorted(wanted)}
        nodes = [n for n in member if any(member[n])]
        self.without_class = tuple(n for n in member if not any(member[n]))
        # Of nodes above the same classes the most specific comes first, and is the one answered.
        depth = {n: len(lineage_up(n)) for n in nodes}
        self.nodes = tuple(sorted(nodes, key=lambda n: (sum(member[n]), -depth[n], n)))
        self.member_CN = np.array([member[n] for n in self.nodes], np.float32).T
        self.breadth_N = self.member_CN.sum(axis=0)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Ontology name of each node, or its text."""
        return tuple(map(node_name, self.nodes))

    @cached_property
    def term_ids(self) -> tuple[str, ...]:
        """Ontology id of each node; "" for texts."""
        return tuple(map(term_id, self.nodes))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Ontology id of each node, or its text."""
        return tuple(map(label, self.nodes))

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Ontology name of each class, or its text."""
        return tuple(map(node_name, self.classes))

    @property
    def allowed_C(self) -> np.ndarray:
        """Classes below any node."""
        return self.member_CN.any(axis=1)

    def choose(self, p_BC: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """The narrowest node of at least `threshold` for each row, and its probability.

        Returns
        -------
        node_B
            Index into `nodes`; -1 where no node is probable enough.
        probability_B
            Probability of that node; of the most probable class where there is none.
        """
        p_BN = self._sums(p_BC)
        enough_BN = p_BN >= threshold
        # Fewest classes below first; the more probable of two equally narrow ones.
        rank_BN = np.where(enough_BN, p_BN - self.breadth_N, -np.inf)
        node_B = rank_BN.argmax(axis=1)
        found_B = enough_BN.any(axis=1)
        probability_B = np.where(found_B, p_BN[np.arange(len(p_BN)), node_B], p_BC.max(axis=1))
        return np.where(found_B, node_B, -1), np.minimum(probability_B, MOST)

    def _sums(self, p_BC: np.ndarray) -> np.ndarray:
        # Few classes lie below most nodes; and unlike BLAS, a sparse product adds up a row in the
        # same order whatever rows stand beside it, which a limit of one half would show.
        return (self._member_NC @ np.ascontiguousarray(p_BC.T)).T

    @cached_property
    def _member_NC(self) -> sparse.csr_matrix:
        return sparse.csr_matrix(self.member_CN.T)

    def call(
        self,
        p_C: np.ndarray,
        threshold: float,
        minimum: float = 0.0,
        *,
        worth: Callable[[float], float] = float,
    ) -> Call:
        """The answer for one row of probabilities, with its runner-up and its reason.

        Parameters
        ----------
        worth
            The confidence that a probability is worth; by default the probability itself.
        """
        node_1, probability_1 = self.choose(p_C[None], threshold)
        node, confidence = int(node_1[0]), min(worth(float(probability_1[0])), MOST)
        best = int(p_C.argmax())
        if node < 0 or confidence < minimum:
            nearest = np.argsort(-p_C, kind="stable")[:2]
            candidates = ", ".join(f"{self.class_names[c]} ({p_C[c]:.2f})" for c in nearest)
            limit = f"--min-confidence {minimum:g}" if node >= 0 else f"{threshold:g}"
            reason = f"low margin: no answer reaches {limit}; nearest: {candidates}"
            return Call(UNKNOWN, "", confidence, self.class_names[best], float(p_C[best]), reason)
        below_C = self.member_CN[:, node] > 0
        outside_C = np.where(below_C, 0.0, p_C)
        other = int(outside_C.argmax())
        runner_up = (
            (self.class_names[other], float(outside_C[other]))
            if outside_C[other] > 0
            else ("", 0.0)
        )
        reason = ""
        if below_C.sum() > 1 and self.nodes[node] != self.classes[best]:
            inside = np.argsort(np.where(below_C, -p_C, 0.0), kind="stable")[:2]
            names = " and ".join(self.class_names[i] for i in inside)
            reason = f"parent of {names}, which cannot be told apart here"
        return Call(self.names[node], self.term_ids[node], confidence, *runner_up, reason)
