"""The marker table as a matrix: how much each gene says for or against each class."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from cellmodels.genes import shared_names
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology

# Shapes: B cells, F feature genes, C classes.

RANKS = 12
INHERITED = 0.5
AGAINST = -0.5


class MarkerTable:
    """Weight of every gene for every class: by rank, by rarity, with the markers of its parents.

    Parameters
    ----------
    classes
        Cell Ontology ids.
    genes
        Columns, in shared-space names.
    """

    def __init__(self, classes: tuple[str, ...], genes: np.ndarray) -> None:
        self.classes = classes
        self.genes = genes

    @cached_property
    def weight_CF(self) -> np.ndarray:
        """float32 [C, F]: positive for markers, negative for genes that speak against a class."""
        ontology = cell_ontology()
        above = {c: ontology.ancestors(c) for c in self.classes}
        terms = tuple(dict.fromkeys([*self.classes, *(a for c in self.classes for a in above[c])]))
        at = {term: index for index, term in enumerate(terms)}
        own, silent = self._own(at)
        weight = own[: len(self.classes)].copy()
        for index, cl_id in enumerate(self.classes):
            inherited = own[[at[a] for a in above[cl_id]]].max(axis=0, initial=0.0)
            weight[index] = np.maximum(weight[index], INHERITED * inherited)
        weight[silent[: len(self.classes)]] = AGAINST
        sharing_F = (weight > 0.3).sum(axis=0)
        n = len(self.classes)
        rarity_F = np.clip(np.log(n / (sharing_F + 3)) / np.log(max(n, 8) / 4), 0.1, 1.2)
        return (weight * rarity_F).astype(np.float32)

    def _own(self, at: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
        column = {gene: index for index, gene in enumerate(self.genes)}
        own = np.zeros((len(at), len(self.genes)), np.float32)
        silent = np.zeros(own.shape, bool)
        for row in marker_rows():
            if row.cl_id not in at:
                continue
            space = "mouse" if row.organism == "mouse" else "human"
            index = at[row.cl_id]
            for rank, gene in enumerate(shared_names(row.positive, space)):
                if gene in column:
                    weight = 1.0 - 0.5 * min(rank, RANKS) / RANKS
                    own[index, column[gene]] = max(own[index, column[gene]], weight)
            for gene in shared_names(row.negative, space):
                if gene in column:
                    silent[index, column[gene]] = True
        return own, silent

    def for_genes(self, present_F: np.ndarray) -> np.ndarray:
        """Weights float32 [F, C] for a file that has only some of the genes.

        A class is divided by what the file can show of it, so that long lists win nothing by length
        and a class whose markers are missing does not win by the little that is left.
        """
        weight_CF = np.where(present_F, self.weight_CF, 0.0)
        size_C1 = np.sqrt(np.maximum(weight_CF, 0.0).sum(axis=1, keepdims=True)) + 1.0
        return np.ascontiguousarray((weight_CF / size_C1).T, dtype=np.float32)


def marker_scores(
    features_BF: sparse.csr_matrix, weight_FC: np.ndarray | sparse.csr_matrix
) -> np.ndarray:
    """Sum of marker weights over each cell's expression, divided by its length; float32 [B, C].

    Few classes share a marker: with sparse weights it is ten times as fast.
    """
    norm_B = np.sqrt(np.asarray(features_BF.multiply(features_BF).sum(axis=1)).ravel())
    score_BC = features_BF @ weight_FC
    if sparse.issparse(score_BC):
        score_BC = score_BC.toarray()
    return score_BC / np.maximum(norm_B, 1e-9).astype(np.float32)[:, None]
