"""Cells scored by the marker table alone: a sum over markers, no training."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from cellmodels.default.features import Fold
from cellmodels.default.model import DefaultModel
from cellmodels.genes import GeneMap, shared_names

from .annotator import Annotator, BoundProfiles, Groups, Scores
from .calibration import Calibration
from .marker_table import MarkerTable, marker_scores

# Shapes: B cells, G groups of cells, F feature genes, C classes.

# log-odds for a score of one: fitted once on held-out profiles (docs/engineer/protocol.md).
SHARPNESS = 30.0
CONTRAST = 2.0


class MarkerAnnotator(Annotator):
    """`--method markers`: classes and genes of the default model, scored by the marker table."""

    method: ClassVar[str] = "markers"

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
        """The annotator for these columns."""
        fold = Fold(shared_names(genes.symbols, genes.organism), self.genes)
        return BoundMarkers(self.model, MarkerTable(self.classes, self.genes), fold)


class BoundMarkers(BoundProfiles):
    """The marker table for the columns of one file."""

    def __init__(self, model: DefaultModel, table: MarkerTable, fold: Fold) -> None:
        super().__init__(model, fold)
        self.weight_FC = sparse.csr_matrix(table.for_genes(fold.present_F))

    def score(self, features_BF: sparse.csr_matrix) -> Scores:
        """Scores of single cells by the marker table."""
        return Scores(self._log_p(features_BF), *self.model.encode(features_BF))

    def pooled(self, groups: Groups) -> np.ndarray:
        """Scores of mean profiles by the marker table, contrast included."""
        log_p_GC = self._log_p(sparse.csr_matrix(groups.mean_GF, dtype=np.float32))
        return log_p_GC + CONTRAST * (groups.background.contrast(groups.mean_GF) @ self.weight_FC)

    def _log_p(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        logits = SHARPNESS * marker_scores(features_BF, self.weight_FC)
        logits -= logits.max(axis=1, keepdims=True)
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
