"""The eighteen downstream tasks of the Nucleotide Transformer (Dalla-Torre et al. 2024)."""

from __future__ import annotations

from .task_suite import TaskSuite

_HISTONES = (
    "H2AFZ",
    "H3",
    "H3K14ac",
    "H3K27ac",
    "H3K27me3",
    "H3K36me3",
    "H3K4me1",
    "H3K4me2",
    "H3K4me3",
    "H3K79me3",
    "H3K9ac",
    "H3K9me3",
    "H4",
    "H4K20me1",
    "H4ac",
)
_ENHANCERS = ("enhancers", "enhancers_types")
_F1 = (
    "promoter_all",
    "promoter_tata",
    "promoter_no_tata",
    "splice_sites_acceptor",
    "splice_sites_acceptors",
    "splice_sites_donor",
    "splice_sites_donors",
)

NUCLEOTIDE_TRANSFORMER = TaskSuite(
    "nt",
    "Nucleotide Transformer downstream tasks",
    # Both releases of the data name histone marks and splice sites in their own way.
    dict.fromkeys((*_HISTONES, *_ENHANCERS), "mcc")
    | dict.fromkeys(_F1, "f1_binary")
    | {"splice_sites_all": "accuracy"},
    "mcc",
)
"""MCC for histone marks and enhancers, F1 for promoters and splice sites, else accuracy."""
