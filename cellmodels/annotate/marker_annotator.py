"""Cells and gene lists scored by the marker table alone: a sum over markers, no training."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from cellmodels.default.features import fold_onto, shared_names
from cellmodels.default.model import DefaultModel
from cellmodels.genes import GeneMap
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology

from .annotator import Annotator, BoundAnnotator, Scores
from .calibration import Calibration

# Shapes: B cells, F feature genes, C classes.

RANKS = 12
INHERITED = 0.5
AGAINST = -0.5
# log-odds for a score of one: fitted once on held-out profiles (docs/protocol.md).
SHARPNESS = 30.0


class MarkerTable:
    """Weight of every gene for every class: by rank, by how few classes share it, with the parents' markers.

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


class MarkerAnnotator(Annotator):
    """`--method markers`: the classes and genes of the default model, scored by the marker table."""

    def __init__(self, model: DefaultModel) -> None:
        self.model = model
        self.name = f"bioseq-markers {model.config['version']}"
        self.sha256 = model.sha256
        self.classes = model.classes
        self.tissues = model.tissues
        self.answers = model.answers
        self.genes = model.genes

    @staticmethod
    def calibration(model: DefaultModel) -> Calibration:
        """Constants for marker scores."""
        return Calibration.from_config({"calibration": model.config["calibration_markers"]})

    def bind(self, genes: GeneMap) -> BoundMarkers:
        fold = fold_onto(shared_names(genes.symbols, genes.organism), self.genes)
        return BoundMarkers(self.model, MarkerTable(self.classes, self.genes).weight_CF, fold)


class BoundMarkers(BoundAnnotator):
    """The marker table for the columns of one file."""

    def __init__(
        self, model: DefaultModel, weight_CF: np.ndarray, fold_VF: sparse.csr_matrix
    ) -> None:
        self.model = model
        self.fold_VF = fold_VF
        present_F = np.asarray((fold_VF.sum(axis=0) > 0)).ravel()
        self.n_used = int(present_F.sum())
        weight = np.where(present_F, weight_CF, 0.0)
        # A class that the file's genes can hardly show must not win by the little that is left of it.
        size_C = np.sqrt((np.maximum(weight, 0.0) ** 2).sum(axis=1, keepdims=True)) + 1.0
        self.weight_FC = np.ascontiguousarray((weight / size_C).T.astype(np.float32))

    def score(self, block: sparse.csr_matrix) -> Scores:
        features_BF = sparse.csr_matrix(block @ self.fold_VF)
        np.log1p(features_BF.data, out=features_BF.data)
        dense_BF = features_BF.toarray()
        return Scores(
            self._log_p(features_BF),
            self.model.embed(dense_BF),
            self.model.components(dense_BF),
            features_BF,
        )

    def pooled(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        return self._log_p(sparse.csr_matrix(features_BF.mean(axis=0), dtype=np.float32))[0]

    def similarity(self, features_BF: sparse.csr_matrix) -> float:
        mean_1F = np.asarray(features_BF.mean(axis=0), dtype=np.float32).reshape(1, -1)
        return self.model.similarity(mean_1F)

    def _log_p(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        norm_B = np.sqrt(np.asarray(features_BF.multiply(features_BF).sum(axis=1)).ravel())
        score_BC = (features_BF @ self.weight_FC) / np.maximum(norm_B, 1e-9)[:, None]
        logits = SHARPNESS * score_BC
        logits -= logits.max(axis=1, keepdims=True)
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
