"""Weights and temperatures of the default model, fitted on studies that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.isotonic import IsotonicRegression

from cellmodels.annotate.calibration import read_off
from cellmodels.annotate.default_annotator import DefaultAnnotator
from cellmodels.annotate.marker_table import marker_scores
from cellmodels.default import DefaultModel
from cellmodels.genes import map_genes
from cellmodels.ontology import cell_ontology

from .heldout import fold_of

# Shapes: N rows (cells, clusters or lists), C classes.

TEMPERATURES = (0.7, 1.0, 1.2, 1.45, 1.75, 2.1, 2.5, 3.0, 4.0, 5.0)
KNOTS = 12


@dataclass(frozen=True)
class Evidence:
    """The three terms of the score for some rows, and which classes are right for each.

    Attributes
    ----------
    encoder_NC, markers_NC, contrast_NC
        Terms of the score, unweighted; contrast is zero for single cells.
    right_NC
        Classes at or below the true label.
    """

    encoder_NC: np.ndarray
    markers_NC: np.ndarray
    contrast_NC: np.ndarray
    right_NC: np.ndarray


def right_classes(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Mask [N, C] of the classes that are the label or a subtype of it."""
    ontology = cell_ontology()
    above = [ontology.ancestors(c) | {c} for c in classes]
    rows = {label: np.array([label in terms for terms in above]) for label in set(labels)}
    return np.array([rows[label] for label in labels])


def gather(model: DefaultModel, adata, organism: str) -> tuple[Evidence, Evidence]:
    """Evidence, of raw counts, for single cells and for the mean cell of each true label."""
    bound = DefaultAnnotator(model).bind(map_genes(list(adata.var_names), organism=organism))
    counts = sparse.csr_matrix(adata.X)
    total = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    linear = sparse.diags((1e4 / total).astype(np.float32)) @ counts
    features = bound.fold(sparse.csr_matrix(linear, dtype=np.float32))
    np.log1p(features.data, out=features.data)
    labels = adata.obs["label"].to_numpy()
    truth = adata.obs["cl_id"].to_numpy()
    groups = [np.flatnonzero(labels == label) for label in dict.fromkeys(labels)]
    mean = np.vstack([np.asarray(features[rows].mean(axis=0)) for rows in groups]).astype(
        np.float32
    )
    contrast = np.asarray(bound.background(features).contrast(mean) @ bound.weight_FC)
    cells = _evidence(bound, model, features, None, truth)
    clusters = _evidence(
        bound, model, sparse.csr_matrix(mean), contrast, [truth[rows[0]] for rows in groups]
    )
    return cells, clusters


def _evidence(bound, model, features, contrast, truth) -> Evidence:
    encoder = model.log_probabilities(model.embed(features))
    markers = np.asarray(marker_scores(features, bound.weight_FC))
    contrast = np.zeros_like(encoder) if contrast is None else contrast
    return Evidence(encoder, markers, contrast, right_classes(truth, model.classes))


def join(parts: Sequence[Evidence]) -> Evidence:
    """The rows of all parts that have a right class."""
    known = [part.right_NC.any(axis=1) for part in parts]
    fields = ("encoder_NC", "markers_NC", "contrast_NC", "right_NC")
    return Evidence(
        *(
            np.concatenate([getattr(p, f)[k] for p, k in zip(parts, known, strict=True)])
            for f in fields
        )
    )


def loss(
    evidence: Evidence, markers: float, contrast: float, temperature: float
) -> tuple[float, float]:
    """Mean negative log probability of the right classes; share of rows answered rightly."""
    logits = evidence.encoder_NC + markers * evidence.markers_NC + contrast * evidence.contrast_NC
    logits = logits / temperature
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    right = np.maximum((p * evidence.right_NC).sum(axis=1), 1e-4)
    best = evidence.right_NC[np.arange(len(p)), p.argmax(axis=1)]
    return float(-np.log(right).mean()), float(best.mean())


def fit_temperature(cells: Evidence, markers: float) -> float:
    """The temperature of single cells' scores with the least loss."""
    return min((loss(cells, markers, 0.0, t)[0], t) for t in TEMPERATURES)[1]


def cross_fitted(fitted: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """`told` with confidences read off what `fitted` shows for other data sets.

    Data sets fall into two halves by their names. The confidence of an answer is read off the half
    that it is not in, so that no data set vouches for itself.
    """
    parts = []
    for half in (0, 1):
        stated = stated_confidence(fitted[fitted["dataset"].map(_half) != half])
        part = told[told["dataset"].map(_half) == half]
        worth = [read_off(stated, one) for one in part["confidence"]]
        parts.append(part.assign(confidence=worth))
    return pd.concat(parts)


def _half(dataset: str) -> int:
    return fold_of(f"half {dataset}", 2)


def stated_confidence(curve: pd.DataFrame) -> list[tuple[float, float]]:
    """Pairs of a computed probability and the share of answers at it that hold, rising.

    Isotonic regression over bins of equal size keeps a larger probability from being worth less.
    """
    known = curve[curve["known"]].sort_values("confidence", kind="stable")
    bins = np.array_split(known[["confidence", "holds"]].to_numpy(dtype=float), KNOTS)
    computed, found = np.array([part.mean(axis=0) for part in bins]).T
    found = np.clip(IsotonicRegression().fit_transform(computed, found), 0.0, 0.99)
    return [
        (round(x, 4), round(y, 4)) for x, y in zip(computed.tolist(), found.tolist(), strict=True)
    ]
