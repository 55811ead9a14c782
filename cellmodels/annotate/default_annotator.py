"""The embedded default: encoder, marker table and likeness to the reference profiles in one score."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from cellmodels.default.features import fold_onto, shared_names
from cellmodels.default.model import DefaultModel
from cellmodels.genes import GeneMap

from .annotator import Annotator, BoundAnnotator, Scores
from .likeness import Likeness
from .marker_table import MarkerTable, marker_scores

# Shapes: B cells, V columns of the file, F feature genes, C classes.


class DefaultAnnotator(Annotator):
    """The default model joined with the marker table."""

    def __init__(self, model: DefaultModel) -> None:
        self.model = model
        self.name = f"bioseq-default {model.config['version']}"
        self.sha256 = model.sha256
        self.classes = model.classes
        self.tissues = model.tissues
        self.answers = model.answers
        self.genes = model.genes

    def bind(self, genes: GeneMap) -> BoundDefault:
        fold = fold_onto(shared_names(genes.symbols, genes.organism), self.genes)
        return BoundDefault(self.model, MarkerTable(self.classes, self.genes), fold)


class BoundDefault(BoundAnnotator):
    """The default model for the columns of one file.

    A cell's score is the encoder's log probability plus the weighted marker score; a cluster's adds
    the rank correlation with the references, which is too noisy for single cells and the most robust
    of the three for means.
    """

    def __init__(
        self, model: DefaultModel, table: MarkerTable, fold_VF: sparse.csr_matrix
    ) -> None:
        self.model = model
        self.fold_VF = fold_VF
        self.present_F = np.asarray(fold_VF.sum(axis=0) > 0).ravel()
        self.n_used = int(self.present_F.sum())
        self.weight_FC = table.for_genes(self.present_F)
        self.weights = model.config["weights"]

    def score(self, block: sparse.csr_matrix) -> Scores:
        features_BF = sparse.csr_matrix(block @ self.fold_VF)
        np.log1p(features_BF.data, out=features_BF.data)
        embedding_BD, components_BK = self.model.encode(features_BF)
        log_p_BC = self.model.log_probabilities(embedding_BD)
        log_p_BC += self.weights["markers"] * marker_scores(features_BF, self.weight_FC)
        return Scores(log_p_BC, embedding_BD, components_BK, features_BF)

    def pooled(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        mean_1F = np.asarray(features_BF.mean(axis=0), dtype=np.float32).reshape(1, -1)
        log_p_C = self.model.log_probabilities(self.model.embed(mean_1F))[0]
        log_p_C += self.weights["markers"] * marker_scores(sparse.csr_matrix(mean_1F), self.weight_FC)[0]
        return log_p_C + self.weights["likeness"] * self._likeness(mean_1F[0])

    def similarity(self, features_BF: sparse.csr_matrix) -> float:
        mean_1F = np.asarray(features_BF.mean(axis=0), dtype=np.float32).reshape(1, -1)
        return float(self.model.similarity(self.model.components(mean_1F))[0])

    @cached_property
    def _likeness(self) -> Likeness:
        return Likeness(self.model.reference_log_RF, self.model.support_RC, self.present_F)
