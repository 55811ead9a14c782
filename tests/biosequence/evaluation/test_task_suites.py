"""Fine-tuned classifiers on tasks: the right metric, labels by name, baselines beside the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.evaluation import (
    GENOMIC_BENCHMARKS,
    NUCLEOTIDE_TRANSFORMER,
    LabelMap,
    class_scores,
    evaluate_tasks,
    task_models,
)
from biosequence.evaluation.classification import judge_labels
from biosequence.inference import load_model


def load(folder: Path):
    return load_model(folder, device="cpu")


def test_metrics_are_those_of_the_papers() -> None:
    known = {
        "H3K4me1": "mcc",
        "enhancers_types": "mcc",
        "promoter_tata": "f1_binary",
        "splice_sites_donors": "f1_binary",
        "splice_sites_all": "accuracy",
    }
    assert {task: NUCLEOTIDE_TRANSFORMER.metric(task) for task in known} == known
    assert len(GENOMIC_BENCHMARKS.metrics) == 8
    assert set(GENOMIC_BENCHMARKS.metrics.values()) == {"accuracy"}


@pytest.mark.parametrize("metric", ["accuracy", "mcc", "f1_binary"])
def test_a_perfect_predictor_gets_one_and_a_constant_no_correlation(metric: str) -> None:
    known, truth = LabelMap.of(["0", "1"]), ["0", "1", "1", "0"]
    perfect = judge_labels(metric, known, truth, np.eye(2)[known.ids(truth)])
    assert perfect["score"] == perfect["auroc"] == 1.0
    constant = judge_labels(metric, known, truth, np.tile([0.0, 1.0], (4, 1)))
    assert constant["mcc"] == 0.0
    assert constant["accuracy"] == constant["auroc"] == 0.5


@pytest.mark.parametrize("labels", [("0", "1"), ("negative", "positive")])
def test_the_order_of_labels_cannot_flip_a_figure(classifier, motif_task, labels) -> None:
    for path in motif_task.glob("*.csv"):
        text = path.read_text().replace(",1\n", f",{labels[1]}\n")
        path.write_text(text.replace(",0\n", f",{labels[0]}\n"))
    rows = [
        evaluate_tasks(
            NUCLEOTIDE_TRANSFORMER, task_models(classifier(labels, order), load), motif_task
        ).rows
        for order in ((0, 1), (1, 0))
    ]
    assert rows[0] == rows[1]
    assert rows[0][0]["items"] == 80
    # A table whose first row is the other label is the same table.
    path = motif_task / "test.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *lines[::-1]]) + "\n")
    again = evaluate_tasks(
        NUCLEOTIDE_TRANSFORMER, task_models(classifier(labels), load), motif_task
    )
    assert again.rows[0]["score"] == rows[0][0]["score"]


def test_scores_are_the_models_whatever_the_batch(classifier) -> None:
    import torch

    loaded = load(classifier(("0", "1", "2")))
    texts = ["ACGT", "ACGTTTGACA", "GG"]
    found = class_scores(loaded, texts, batch_size=2)
    for text, row in zip(texts, found, strict=True):
        ids = torch.from_numpy(loaded.tokenizer.encode(text).astype(np.int64))[None]
        with torch.no_grad():
            assert np.allclose(row, loaded.model(ids).logits[0], atol=1e-5)
    both = class_scores(loaded, ["ACGG"], strands="both")
    other = class_scores(loaded, ["CCGT"], strands="both")
    assert np.allclose(both, other)


def test_baselines_learn_the_motif_and_stand_beside_the_model(classifier, motif_task) -> None:
    report = evaluate_tasks(
        GENOMIC_BENCHMARKS,
        task_models(classifier(("0", "1")), load),
        motif_task,
        baselines=("kmer", "cnn"),
    )
    scores = {row["model"]: row["score"] for row in report.rows}
    assert list(scores) == ["model", "kmer", "cnn"]
    assert min(scores["kmer"], scores["cnn"]) > 0.95
    assert any("Not among the benchmark's tasks" in note for note in report.notes)


def test_every_task_has_its_model(classifier, motif_task, tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "other").mkdir(parents=True)
    folder = classifier(("0", "1"))
    folder.rename(models / "other" / "model")
    data = tmp_path / "data"
    data.mkdir()
    motif_task.rename(data / "other")
    report = evaluate_tasks(GENOMIC_BENCHMARKS, task_models(models, load), data, limit=10)
    assert [row["task"] for row in report.rows] == ["other"]
    assert report.rows[0]["items"] == 10
    (data / "other").rename(data / "third")
    with pytest.raises(ModelError, match="no model for the task 'third'"):
        evaluate_tasks(GENOMIC_BENCHMARKS, task_models(models, load), data)


def test_what_does_not_fit_is_refused(classifier, tiny, motif_task) -> None:
    with pytest.raises(ModelError, match="labels are 0, 1, the model's are a, b"):
        evaluate_tasks(GENOMIC_BENCHMARKS, task_models(classifier(("a", "b")), load), motif_task)
    with pytest.raises(ModelError, match="gives no labels"):
        evaluate_tasks(GENOMIC_BENCHMARKS, lambda task: tiny("dna"), motif_task)
    with pytest.raises(UsageError, match="no baseline 'lstm'"):
        evaluate_tasks(GENOMIC_BENCHMARKS, lambda task: tiny("dna"), motif_task, baselines=["lstm"])
    (motif_task / "train.csv").unlink()
    with pytest.raises(InputError, match="split 'train'"):
        evaluate_tasks(
            GENOMIC_BENCHMARKS,
            task_models(classifier(("0", "1")), load),
            motif_task,
            baselines=["kmer"],
        )


def test_promoters_of_the_shared_data(shared: Path, classifier, tmp_path: Path) -> None:
    import gzip

    lines = gzip.open(shared / "data/seq/dna_promoter_251bp.csv.gz", "rt").read().splitlines()
    some = np.random.default_rng(0).permutation(np.arange(1, len(lines)))
    for split, numbers in (("train", some[:1500]), ("test", some[1500:2000])):
        text = "\n".join([lines[0], *(lines[n] for n in numbers)])
        (tmp_path / f"{split}.csv").write_text(text + "\n")
    report = evaluate_tasks(
        GENOMIC_BENCHMARKS,
        task_models(classifier(("0", "1")), load),
        tmp_path,
        baselines=["kmer"],
        limit=300,
    )
    scores = {row["model"]: row for row in report.rows}
    assert scores["kmer"]["accuracy"] > 0.7
    assert scores["kmer"]["score_low"] > scores["model"]["score"]
