"""The eight classification tasks of Genomic Benchmarks (Gresova et al. 2023)."""

from __future__ import annotations

from .task_suite import TaskSuite

# Names as the package and the DNA-xLSTM and Caduceus papers write them: all judged by accuracy.
_TASKS = (
    "dummy_mouse_enhancers_ensembl",
    "demo_coding_vs_intergenomic_seqs",
    "demo_human_or_worm",
    "human_enhancers_cohn",
    "human_enhancers_ensembl",
    "human_ensembl_regulatory",
    "human_nontata_promoters",
    "human_ocr_ensembl",
)

GENOMIC_BENCHMARKS = TaskSuite(
    "genomic-benchmarks", "Genomic Benchmarks", dict.fromkeys(_TASKS, "accuracy"), "accuracy"
)
"""Accuracy on each of eight tasks."""
