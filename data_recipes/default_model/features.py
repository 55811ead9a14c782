"""The genes that the default model looks at."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from cellmodels.genes import shared_names
from cellmodels.knowledge import MarkerRow

from .references import References

# Ribosomal, mitochondrial and sex-linked genes tell of platform and donor more than of the type.
UNINFORMATIVE = re.compile(
    r"^(RP[LS]\d|MRP[LS]\d|MT-|mt-|MALAT1$|NEAT1$|XIST$|Xist$|UTY$|DDX3Y$|Gm\d+$)"
)


def shared_markers(row: MarkerRow, kind: str) -> tuple[str, ...]:
    """The positive or negative markers of a row in shared-space gene names."""
    organism = "mouse" if row.organism == "mouse" else "human"
    return tuple(shared_names(getattr(row, kind), organism))


def choose_genes(
    references: References, rows: Iterable[MarkerRow], *, per_study: int = 30, per_library: int = 30
) -> np.ndarray:
    """Every marker gene, and the genes that stand out most in each reference.

    A gene stands out within its data set (against the neighbours that it will be confused with)
    and within the library (against everything).
    """
    log_RG = np.log1p(references.linear_RG)
    usable = np.array([not UNINFORMATIVE.match(gene) for gene in references.genes])
    chosen: set[int] = set()
    mean_G = log_RG.mean(axis=0)
    for dataset in references.obs["dataset"].unique():
        rows_of = np.flatnonzero(references.obs["dataset"] == dataset)
        centre_G = log_RG[rows_of].mean(axis=0)
        for row in rows_of:
            for against_G, count in ((centre_G, per_study), (mean_G, per_library)):
                contrast_G = np.where(usable, log_RG[row] - against_G, -np.inf)
                top = np.argpartition(-contrast_G, count)[:count]
                chosen.update(top[contrast_G[top] > 0.5].tolist())
    where = {gene: column for column, gene in enumerate(references.genes)}
    for row in rows:
        for gene in shared_markers(row, "positive") + shared_markers(row, "negative"):
            if gene in where:
                chosen.add(where[gene])
    return references.genes[np.array(sorted(chosen))]
