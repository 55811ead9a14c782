"""The embedded default: encoder, marker table and likeness to references in one score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from cellmodels.default.features import Fold
from cellmodels.default.model import DefaultModel
from cellmodels.genes import GeneMap, shared_names

from .annotator import Annotator, BoundProfiles, Groups, Scores
from .marker_table import MarkerTable, marker_scores

# Shapes: B cells, G groups of cells, V columns of the file, F feature genes, C classes.


class DefaultAnnotator(Annotator):
    """The default model joined with the marker table."""

    method: ClassVar[str] = "auto"

    def __init__(self, model: DefaultModel) -> None:
        self.model = model
        self.name = f"bioseq-default {model.config['version']}"
        self.sha256 = model.sha256
        self.classes = model.classes
        self.tissues = model.tissues
        self.answers = model.answers
        self.genes = model.genes

    def bind(self, genes: GeneMap) -> BoundDefault:
        """The annotator for these columns."""
        fold = Fold(shared_names(genes.symbols, genes.organism), self.genes)
        return BoundDefault(self.model, MarkerTable(self.classes, self.genes), fold)


class BoundDefault(BoundProfiles):
    """The default model for the columns of one file.

    A cell's score is the encoder's log probability plus the weighted marker score. A cluster's adds
    the contrast: the same markers over how far the cluster stands out from the other cells of the
    file, which no reference knows.
    """

    def __init__(self, model: DefaultModel, table: MarkerTable, fold: Fold) -> None:
        super().__init__(model, fold)
        self.weight_FC = sparse.csr_matrix(table.for_genes(fold.present_F))
        self.weights = model.config["weights"]

    def score(self, features_BF: sparse.csr_matrix) -> Scores:
        """Scores of single cells: encoder and marker table."""
        embedding_BD, components_BK = self.model.encode(features_BF)
        log_p_BC = self.model.log_probabilities(embedding_BD)
        log_p_BC += self.weights["markers"] * marker_scores(features_BF, self.weight_FC)
        return Scores(log_p_BC, embedding_BD, components_BK)

    def pooled(self, groups: Groups) -> np.ndarray:
        """Scores of mean profiles, contrast included."""
        mean_GF = groups.mean_GF
        log_p_GC = self.score(sparse.csr_matrix(mean_GF, dtype=np.float32)).log_p_BC
        contrast_GC = groups.background.contrast(mean_GF) @ self.weight_FC
        return log_p_GC + self.weights["contrast"] * contrast_GC
