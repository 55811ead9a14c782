"""The protocol of docs/engineer/protocol.md: held-out cells and lists, beside two baselines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from cellmodels.annotate import AnnotateOptions, annotate_cells
from cellmodels.annotate.table import annotate_markers
from cellmodels.annotate.table_reading import MarkerList
from cellmodels.default.features import fold_onto
from cellmodels.genes import map_genes, shared_names
from cellmodels.ontology import cell_ontology

from .baselines import correlation, majority, marker_counting
from .export import plain_tissue
from .heldout import MALIGNANT, Condition, TestSet, test_sets
from .references import References


@dataclass(frozen=True)
class Row:
    """One cell type of one test set under one method.

    Attributes
    ----------
    n, exact, parent, lineage, unknown
        Cells; those answered exactly or finer; by an ancestor within the lineage or better; in the
        right lineage; not at all.
    confidence
        Mean confidence of the answered cells.
    """

    condition: str
    method: str
    organism: str
    tissue: str
    dataset: str
    label: str
    cl_id: str
    n: int
    exact: int
    parent: int
    lineage: int
    unknown: int
    confidence: float


def grade(answer: str, truth: str) -> tuple[bool, bool, bool]:
    """Whether an answer is exact or finer; a parent or better; in the right lineage."""
    ontology = cell_ontology()
    if not answer:
        return False, False, False
    exact = ontology.is_a(answer, truth)
    same = ontology.lineage(answer) == ontology.lineage(truth)
    parent = exact or (ontology.is_a(truth, answer) and same)
    return exact, parent, exact or same


def evaluate_fold(
    folder: Path,
    model: Path,
    references: References,
    fold: int,
    folds: int,
    condition: Condition,
    *,
    baselines: bool = True,
    with_tissue: bool = False,
    seed: int = 0,
    method: str = "auto",
    called: str = "bioseq",
) -> tuple[list[Row], pd.DataFrame]:
    """Rows for every method and type that `fold` holds out, and each cell's confidence.

    `method` is that of `annotate`, of a model of its kind; the rows name it as `called`.
    """
    rows: list[Row] = []
    curves = []
    for test in test_sets(folder, fold, folds, condition, seed=seed):
        options = AnnotateOptions(
            method=method,
            model=str(model),
            organism=test.organism,
            tissue=(plain_tissue(test.tissue) or None) if with_tissue else None,
        )
        result = annotate_cells(test.adata, options)
        name = f"{called}, tissue given" if with_tissue else called
        answers = {name: result.ontology_term_id}
        if baselines:
            answers |= _baselines(test, references, result.cluster)
        for one, answer in answers.items():
            confidence = result.confidence if one == name else np.ones(len(answer))
            rows += _rows(test, condition, one, answer, confidence)
        truth = test.adata.obs["cl_id"].to_numpy()
        graded = [grade(a, t) for a, t in zip(result.ontology_term_id, truth, strict=True)]
        held = [holds(a, t) for a, t in zip(result.ontology_term_id, truth, strict=True)]
        curves.append(
            pd.DataFrame(graded, columns=["exact", "parent", "lineage"]).assign(
                holds=held,
                confidence=result.confidence,
                known=result.ontology_term_id != "",
                dataset=test.dataset,
            )
        )
    return rows, pd.concat(curves)


def holds(answer: str, truth: str) -> bool:
    """Whether an answer is true of a cell: its type or one above it, or a finer one."""
    ontology = cell_ontology()
    return bool(answer) and (ontology.is_a(truth, answer) or ontology.is_a(answer, truth))


def _baselines(test: TestSet, references: References, cluster: np.ndarray) -> dict[str, np.ndarray]:
    names = shared_names(
        map_genes(list(test.adata.var_names), organism=test.organism).symbols, test.organism
    )
    common = np.array(sorted(set(names) & set(references.genes)), dtype=object)
    counts = sparse.csr_matrix(test.adata.X)
    total = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    log = sparse.csr_matrix(sparse.diags(1e4 / total) @ counts @ fold_onto(names, common)).astype(
        np.float32
    )
    np.log1p(log.data, out=log.data)
    column = {gene: index for index, gene in enumerate(references.genes)}
    log_RG = np.log1p(references.linear_RG[:, [column[gene] for gene in common]])
    labels = references.obs["cl_id"].to_numpy()
    single = correlation(log.toarray(), log_RG, labels)
    return {
        "correlation": single,
        "correlation, voted": majority(single, cluster),
        "marker counting": marker_counting(log, common, test.organism, cluster),
    }


def _rows(test: TestSet, condition: Condition, method: str, answer, confidence) -> list[Row]:
    labels = test.adata.obs["label"].to_numpy()
    truth = test.adata.obs["cl_id"].to_numpy()
    rows = []
    for label in dict.fromkeys(labels):
        members = np.flatnonzero(labels == label)
        cl_id = truth[members[0]]
        graded = np.array([grade(a, cl_id) for a in answer[members]])
        known = answer[members] != ""
        mean = float(confidence[members][known].mean()) if known.any() else float("nan")
        exact, parent, lineage = graded.sum(axis=0).tolist()
        kind = ", malignant cells" if label.startswith(MALIGNANT) else ""
        rows.append(
            Row(
                condition.name + kind,
                method,
                test.organism,
                test.tissue,
                test.dataset,
                label,
                cl_id,
                len(members),
                exact,
                parent,
                lineage,
                int((~known).sum()),
                mean,
            )
        )
    return rows


def list_scores(
    lists: Sequence[MarkerList], truths: Sequence[str], options: AnnotateOptions
) -> pd.DataFrame:
    """Answers to marker lists with 1 for exact or finer, 0.5 for the same lineage, else 0."""
    frame, _, _ = annotate_markers(lists, options)
    scores = []
    for answer, truth in zip(frame["ontology_term_id"], truths, strict=True):
        graded = [grade(answer, one.strip()) for one in truth.split(",") if one.strip()]
        exact, lineage = any(g[0] for g in graded), any(g[1] or g[2] for g in graded)
        scores.append(1.0 if exact else 0.5 if lineage else 0.0)
    return frame.assign(truth=list(truths), score=scores)


def top_lists(linear_RG: np.ndarray, names: np.ndarray, length: int = 10) -> list[MarkerList]:
    """The genes of each profile that stand out most among the profiles of its data set."""
    log_RG = np.log1p(linear_RG)
    lists = []
    for row in range(len(log_RG)):
        rest = np.delete(np.arange(len(log_RG)), row)
        centre = log_RG[rest].mean(axis=0) if len(rest) else 0.0
        contrast = np.where(log_RG[row] > 0.3, log_RG[row] - centre, -np.inf)
        top = np.argsort(-contrast, kind="stable")[:length]
        lists.append(MarkerList(str(row), tuple(names[top])))
    return lists


def summary(rows: Iterable[Row], by: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Accuracy by groups: by cell, by type, and a 95 % bootstrap interval over types."""
    frame = pd.DataFrame([asdict(row) for row in rows])
    rng = np.random.default_rng(seed)
    found = []
    for key, part in frame.groupby(list(by), sort=True):
        shares = part[["exact", "parent", "lineage"]].div(part["n"], axis=0).to_numpy()
        draws = rng.integers(0, len(part), (1000, len(part)))
        low, high = np.percentile(shares[draws].mean(axis=1), [2.5, 97.5], axis=0)
        line = dict(zip(by, key, strict=True)) | {"types": len(part), "cells": int(part["n"].sum())}
        for index, level in enumerate(("exact", "parent", "lineage")):
            line[level] = part[level].sum() / part["n"].sum()
            line[f"{level}_types"] = shares[:, index].mean()
            line[f"{level}_low"], line[f"{level}_high"] = low[index], high[index]
        line["unknown"] = part["unknown"].sum() / part["n"].sum()
        found.append(line)
    return pd.DataFrame(found)


def calibration_error(curve: pd.DataFrame, level: str = "holds", bins: int = 10) -> float:
    """Expected calibration error of answered cells: mean gap of confidence and accuracy."""
    known = curve[curve["known"]]
    edges = np.minimum((known["confidence"] * bins).astype(int), bins - 1)
    gaps = known.groupby(edges).apply(
        lambda part: abs(part["confidence"].mean() - part[level].mean()) * len(part),
        include_groups=False,
    )
    return float(gaps.sum() / len(known))


def coverage_curve(
    curve: pd.DataFrame, levels: Sequence[str] = ("holds", "exact", "parent", "lineage")
) -> pd.DataFrame:
    """Accuracy of the cells answered with at least each confidence, and their share."""
    found = []
    for limit in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        kept = curve[curve["known"] & (curve["confidence"] >= limit)]
        line = {"confidence": limit, "coverage": len(kept) / len(curve)}
        found.append(line | {level: kept[level].mean() for level in levels})
    return pd.DataFrame(found)
