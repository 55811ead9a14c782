"""Models judged: benchmarks, perplexity, zero-shot effects, molecules, probes; one table each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classification import class_scores
    from .cnn_baseline import SequenceCNN, cnn_classifier
    from .genomic_benchmarks import GENOMIC_BENCHMARKS
    from .in_context import Family, evaluate_in_context, family_scorer, read_families
    from .kmer_baseline import kmer_counts, kmer_logistic
    from .labels import LabelMap, match_labels
    from .metrics import METRICS, Estimate, Metric, measure
    from .models import open_model, written_molecules
    from .molecules import evaluate_molecules
    from .nucleotide_transformer import NUCLEOTIDE_TRANSFORMER
    from .perplexity import DocumentScore, encoded_documents, evaluate_perplexity, score_documents
    from .probe import evaluate_probe
    from .proteingym import Assay, evaluate_assays, read_assay
    from .report import Column, Plot, Report
    from .suites import SUITES, EvaluateRequest, Suite, run_suite
    from .tables import LabelledTable, read_labelled
    from .task_suite import TaskSuite, evaluate_tasks, task_models
    from .writing import write_report

_HOMES = {
    "Assay": "proteingym",
    "Column": "report",
    "DocumentScore": "perplexity",
    "Estimate": "metrics",
    "EvaluateRequest": "suites",
    "Family": "in_context",
    "GENOMIC_BENCHMARKS": "genomic_benchmarks",
    "LabelMap": "labels",
    "LabelledTable": "tables",
    "METRICS": "metrics",
    "Metric": "metrics",
    "NUCLEOTIDE_TRANSFORMER": "nucleotide_transformer",
    "Plot": "report",
    "Report": "report",
    "SUITES": "suites",
    "SequenceCNN": "cnn_baseline",
    "Suite": "suites",
    "TaskSuite": "task_suite",
    "class_scores": "classification",
    "cnn_classifier": "cnn_baseline",
    "encoded_documents": "perplexity",
    "evaluate_assays": "proteingym",
    "evaluate_in_context": "in_context",
    "evaluate_molecules": "molecules",
    "evaluate_perplexity": "perplexity",
    "evaluate_probe": "probe",
    "evaluate_tasks": "task_suite",
    "family_scorer": "in_context",
    "kmer_counts": "kmer_baseline",
    "kmer_logistic": "kmer_baseline",
    "match_labels": "labels",
    "measure": "metrics",
    "open_model": "models",
    "read_assay": "proteingym",
    "read_families": "in_context",
    "read_labelled": "tables",
    "run_suite": "suites",
    "score_documents": "perplexity",
    "task_models": "task_suite",
    "write_report": "writing",
    "written_molecules": "models",
}

__all__ = [
    "GENOMIC_BENCHMARKS",
    "METRICS",
    "NUCLEOTIDE_TRANSFORMER",
    "SUITES",
    "Assay",
    "Column",
    "DocumentScore",
    "Estimate",
    "EvaluateRequest",
    "Family",
    "LabelMap",
    "LabelledTable",
    "Metric",
    "Plot",
    "Report",
    "SequenceCNN",
    "Suite",
    "TaskSuite",
    "class_scores",
    "cnn_classifier",
    "encoded_documents",
    "evaluate_assays",
    "evaluate_in_context",
    "evaluate_molecules",
    "evaluate_perplexity",
    "evaluate_probe",
    "evaluate_tasks",
    "family_scorer",
    "kmer_counts",
    "kmer_logistic",
    "match_labels",
    "measure",
    "open_model",
    "read_assay",
    "read_families",
    "read_labelled",
    "run_suite",
    "score_documents",
    "task_models",
    "write_report",
    "written_molecules",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
