"""Fine-tuned classifiers on the tasks of a benchmark: what the two DNA suites share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, UsageError
from ..inference.score import BATCH_SIZE
from ..progress import progress
from .classification import answer_labels, judge_labels
from .cnn_baseline import cnn_classifier
from .kmer_baseline import kmer_logistic
from .labels import LabelMap
from .metrics import METRICS, RESAMPLES, mean_estimate
from .report import Column, Plot, Report
from .tables import SPLITS, LabelledTable, find_split, find_tasks, read_split

if TYPE_CHECKING:
    from ..inference import LoadedModel

BASELINES: dict[str, Callable[..., np.ndarray]] = {"kmer": kmer_logistic, "cnn": cnn_classifier}
"""What a model is compared with, by name; each is trained on the task's own training table."""
_FIGURE = "{:.3f}"


@dataclass(frozen=True, slots=True)
class TaskSuite:
    """A benchmark of classification tasks.

    Parameters
    ----------
    name
        How the command calls it.
    title
        Head of the report.
    metrics
        Metric of each of its tasks.
    default
        Metric of a task that is not one of its own.
    """

    name: str
    title: str
    metrics: Mapping[str, str]
    default: str

    def metric(self, task: str) -> str:
        """The metric that the papers give for a task.

        Examples
        --------
        >>> TaskSuite("nt", "NT", {"H3": "mcc"}, "accuracy").metric("h3")
        'mcc'
        """
        known = {name.lower(): metric for name, metric in self.metrics.items()}
        return known.get(task.lower(), self.default)

    def knows(self, task: str) -> bool:
        """Whether a task is one of the benchmark's."""
        return task.lower() in {name.lower() for name in self.metrics}


def evaluate_tasks(
    suite: TaskSuite,
    models: Callable[[str], LoadedModel],
    data: str | Path,
    *,
    baselines: Sequence[str] = (),
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """A classifier on every task of a folder, with baselines beside it.

    Parameters
    ----------
    suite
        The benchmark.
    models
        The model of a task, by its name.
    data
        A folder with test.csv (baselines need train.csv), or one with such folders.
    baselines
        Names of :data:`BASELINES`, trained on each task's training table.
    strands, batch_size
        As in :func:`~biosequence.evaluation.class_scores`.
    limit
        At most so many test sequences a task, drawn by the seed; all when None.
    resamples, seed
        Of the intervals; the seed also draws and trains baselines.

    Raises
    ------
    BioseqError
        A table, a model or its labels cannot be used, or there is no such baseline.
    """
    _check_baselines(baselines)
    rows: list[dict[str, Any]] = []
    for task, folder in progress(find_tasks(data).items(), what="evaluating", unit=" tasks"):
        tables = {split: read_split(folder, split) for split in SPLITS if find_split(folder, split)}
        labels = [label for table in tables.values() for label in table.labels]
        test = tables["test"].sample(limit, seed)
        known, scores = answer_labels(
            models(task), test.sequences, labels, strands=strands, batch_size=batch_size
        )
        found = {"model": scores}
        for name in baselines:
            train = tables["train"] if "train" in tables else read_split(folder, "train")
            found[name] = _baseline(name, train, test, known, seed)
        metric = suite.metric(task)
        rows += [
            {"task": task, "model": name}
            | judge_labels(metric, known, test.labels, one, resamples=resamples, seed=seed)
            for name, one in found.items()
        ]
    return _report(suite, rows, limit, strands, baselines, resamples, seed)


def task_models(path: str | Path, load: Callable[[Path], LoadedModel]) -> Callable[[str], Any]:
    """The model of each task: one folder for all, or a folder with one model a task.

    Parameters
    ----------
    path
        A model's folder, or a folder that has ``TASK`` or ``TASK/model`` in it.
    load
        Loads a folder.

    Raises
    ------
    ModelError
        By the function, when a task has no model.
    """
    base = Path(path)
    holders = base.is_dir() and not (base / "config.json").is_file()
    if not holders:
        only: list[Any] = []

        def one(task: str) -> Any:
            if not only:
                only.append(load(base))
            return only[0]

        return one

    def own(task: str) -> Any:
        for folder in (base / task, base / task / "model"):
            if (folder / "config.json").is_file():
                return load(folder)
        raise ModelError(
            f"There is no model for the task {task!r}.",
            where=str(base),
            fix=f"Put one into {task}/ or {task}/model/, or give one model's folder.",
        )

    return own


def _check_baselines(names: Sequence[str]) -> None:
    for name in names:
        if name not in BASELINES:
            raise UsageError(
                f"There is no baseline {name!r}.",
                where="baselines",
                fix=f"Choose: {', '.join(BASELINES)}.",
            )


def _baseline(
    name: str, train: LabelledTable, test: LabelledTable, known: LabelMap, seed: int
) -> np.ndarray:
    return BASELINES[name](
        train.sequences,
        known.ids(train.labels),
        test.sequences,
        num_labels=len(known),
        seed=seed,
    )


def _report(
    suite: TaskSuite,
    rows: list[dict[str, Any]],
    limit: int | None,
    strands: str,
    baselines: Sequence[str],
    resamples: int,
    seed: int,
) -> Report:
    notes = [
        "`score` is the task's own metric. Intervals are 95% percentile bootstrap over test "
        "sequences; they say nothing of the spread between training seeds.",
    ]
    if any(row["metric"] == "f1_binary" for row in rows):
        notes.append("F1 is that of the positive label, which is the last in the labels' order.")
    strange = sorted({row["task"] for row in rows if not suite.knows(row["task"])})
    if strange:
        title = METRICS[suite.default].title
        notes.append(f"Not among the benchmark's tasks, judged by {title}: {', '.join(strange)}.")
    if limit is not None:
        notes.append(f"At most {limit:,} test sequences a task, drawn with seed {seed}.")
    if strands == "both":
        notes.append("The model's scores are the mean of both strands (post-hoc conjoining).")
    if baselines:
        notes.append(
            "Baselines are trained on the task's training table: logistic regression on words of "
            "1 to 6 letters (kmer), the convolutional network of Genomic Benchmarks (cnn)."
        )
    summary: dict[str, Any] = {}
    for name in dict.fromkeys(row["model"] for row in rows):
        mine = [row["score"] for row in rows if row["model"] == name]
        known = np.array([value for value in mine if value is not None])
        mean = mean_estimate(known, resamples=resamples, seed=seed).value if len(known) else None
        summary[f"{name}: mean score over {len(known)} tasks"] = mean
    figures = (("score", "score"), ("accuracy", "accuracy"), ("mcc", "MCC"))
    return Report(
        suite=suite.name,
        title=suite.title,
        columns=(
            Column("task", "task"),
            Column("model", "model"),
            Column("items", "sequences", "{:,}"),
            Column("metric", "metric"),
            *(Column(name, title, _FIGURE, interval=name == "score") for name, title in figures),
            Column("f1_macro", "F1 (macro)", _FIGURE),
            Column("auroc", "AUROC", _FIGURE),
        ),
        rows=tuple(rows),
        summary=summary,
        plot=Plot("bar", "task", "score", "score (the task's metric)", group="model"),
        notes=tuple(notes),
    )
