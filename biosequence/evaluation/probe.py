"""Linear probes: how much of a label can be read off frozen embeddings, against k-mers."""

# Shapes: N sequences, D width, K labels.

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .classification import judge_labels, spread
from .kmer_baseline import fit_logistic, fit_ridge, kmer_counts
from .labels import LabelMap
from .metrics import RESAMPLES, measure
from .report import Column, Plot, Report
from .tables import LabelledTable, is_continuous, numbers_of, read_labelled, read_split

Embed = Callable[[Sequence[str]], np.ndarray]
"""From sequences to vectors (N, D)."""
_TEST_SHARE = 0.2


def evaluate_probe(
    embed: Embed,
    data: str | Path,
    *,
    label: str | None = None,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """Logistic (or ridge) regression on frozen embeddings, and on counts of k-mers.

    Both see the same rows, choose their regularisation in the same way, and are judged on the same
    test rows.

    Parameters
    ----------
    embed
        Vectors of sequences; a model's are made of
        :func:`~biosequence.inference.embed_records`.
    data
        A folder with train.csv and test.csv; or one table, with a column `split` (train, test), or
        split at random, four to one.
    label
        Column of the label. Numbers with fractions make it a regression.
    limit
        At most so many rows of either part, drawn by the seed; all when None.
    resamples, seed
        Of the intervals; the seed also splits and draws.

    Raises
    ------
    InputError
        A table cannot be used, or a test label is not among the training labels.
    """
    train, test, how = _parts(data, label, seed)
    train, test = train.sample(limit, seed), test.sample(limit, seed)
    features = {
        "model": _standardised(
            np.asarray(embed(train.sequences)), np.asarray(embed(test.sequences))
        ),
        "kmer": (kmer_counts(train.sequences), kmer_counts(test.sequences)),
    }
    continuous = is_continuous((*train.labels, *test.labels))
    judge = _regression if continuous else _classification
    rows = [
        {"features": name, "train": len(train), "test": len(test)}
        | judge(train, test, *found, resamples=resamples, seed=seed)
        for name, found in features.items()
    ]
    return _report(rows, continuous, how)


def _parts(data: str | Path, label: str | None, seed: int) -> tuple[LabelledTable, ...]:
    if Path(data).is_dir():
        train = read_split(data, "train", label=label)
        return train, read_split(data, "test", label=label), "The split is that of the folder."
    table = read_labelled(data, label=label)
    if any(table.splits):
        parts = [
            table.take([n for n, split in enumerate(table.splits) if split == name])
            for name in ("train", "test")
        ]
        if not all(map(len, parts)):
            raise InputError(
                "The column split lacks train or test.",
                where=str(data),
                fix=f"It has: {', '.join(sorted(set(table.splits)))[:200]}.",
            )
        return *parts, "The split is that of the column `split`."
    order = np.random.default_rng(seed).permutation(len(table))
    cut = max(1, round(_TEST_SHARE * len(table)))
    how = (
        f"The split is random, four to one, with seed {seed}: sequences that are alike may lie on "
        "both sides, which flatters every row."
    )
    return table.take(np.sort(order[cut:])), table.take(np.sort(order[:cut])), how


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features of mean 0 and deviation 1 on the training rows, and the same change of the test."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    middle, width = train.mean(0), train.std(0)
    width[width == 0] = 1
    return (train - middle) / width, (test - middle) / width


def _classification(
    train: LabelledTable, test: LabelledTable, fit: Any, judged: Any, *, resamples: int, seed: int
) -> dict[str, Any]:
    known = LabelMap.of(train.labels)
    strange = sorted(set(test.labels) - set(known.names))
    if strange or len(known) < 2:
        raise InputError(
            f"The test has the label {strange[0]!r}, which the training rows lack."
            if strange
            else "The training rows have one label only.",
            where=str(test.path),
            fix="Give a split whose training rows have every label, or a larger --limit.",
        )
    ids = known.ids(train.labels)
    scores = fit_logistic(fit, ids, judged, num_labels=len(known), seed=seed)
    return judge_labels("mcc", known, test.labels, scores, resamples=resamples, seed=seed)


def _regression(
    train: LabelledTable, test: LabelledTable, fit: Any, judged: Any, *, resamples: int, seed: int
) -> dict[str, Any]:
    values = numbers_of(train.labels, str(train.path))
    truth = numbers_of(test.labels, str(test.path))
    found = fit_ridge(fit, values, judged, seed=seed)
    figures: dict[str, Any] = {"metric": "spearman", "items": len(test)}
    for name, metric in (("score", "spearman"), ("rmse", "rmse"), ("pearson", "pearson")):
        figures |= spread(name, measure(metric, truth, found, resamples=resamples, seed=seed))
    return figures


def _report(rows: list[dict[str, Any]], continuous: bool, how: str) -> Report:
    if continuous:
        names = (("score", "Spearman"), ("rmse", "RMSE"), ("pearson", "Pearson"))
    else:
        names = (
            ("score", "MCC"),
            ("accuracy", "accuracy"),
            ("f1_macro", "F1 (macro)"),
            ("auroc", "AUROC"),
        )
    kind = "ridge regression" if continuous else "logistic regression"
    return Report(
        suite="probe",
        title=f"Linear probe: {kind}",
        columns=(
            Column("features", "features"),
            Column("train", "training rows", "{:,}"),
            Column("test", "test rows", "{:,}"),
            *(Column(name, title, "{:.3f}", interval=name == "score") for name, title in names),
        ),
        rows=tuple(rows),
        summary={f"{row['features']}: {names[0][1]}": row["score"] for row in rows},
        plot=Plot("bar", "features", "score", names[0][1]),
        notes=(
            f"{how} `model` is its frozen embedding, `kmer` the counts of words of 1 to 6 letters; "
            f"both get the same {kind}. Intervals are 95% percentile bootstrap over test rows.",
        ),
    )
