"""Cells scored by the marker table alone: a sum over markers, no training."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from cellmodels.default.features import fold_onto, shared_names
from cellmodels.default.model import DefaultModel
from cellmodels.genes import GeneMap

from .annotator import Annotator, BoundAnnotator, Scores
from .calibration import Calibration
from .marker_table import MarkerTable, marker_scores

# Shapes: B cells, F feature genes, C classes.

# log-odds for a score of one: fitted once on held-out profiles (docs/protocol.md).
SHARPNESS = 30.0


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
        return BoundMarkers(self.model, MarkerTable(self.classes, self.genes), fold)


class BoundMarkers(BoundAnnotator):
    """The marker table for the columns of one file."""

    def __init__(
        self, model: DefaultModel, table: MarkerTable, fold_VF: sparse.csr_matrix
    ) -> None:
        self.model = model
        self.fold_VF = fold_VF
        present_F = np.asarray(fold_VF.sum(axis=0) > 0).ravel()
        self.n_used = int(present_F.sum())
        self.weight_FC = table.for_genes(present_F)

    def score(self, block: sparse.csr_matrix) -> Scores:
        features_BF = sparse.csr_matrix(block @ self.fold_VF)
        np.log1p(features_BF.data, out=features_BF.data)
        embedding_BD, components_BK = self.model.encode(features_BF)
        return Scores(self._log_p(features_BF), embedding_BD, components_BK, features_BF)

    def pooled(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        return self._log_p(sparse.csr_matrix(features_BF.mean(axis=0), dtype=np.float32))[0]

    def similarity(self, features_BF: sparse.csr_matrix) -> float:
        mean_1F = np.asarray(features_BF.mean(axis=0), dtype=np.float32).reshape(1, -1)
        return float(self.model.similarity(self.model.components(mean_1F))[0])

    def _log_p(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        logits = SHARPNESS * marker_scores(features_BF, self.weight_FC)
        logits -= logits.max(axis=1, keepdims=True)
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
