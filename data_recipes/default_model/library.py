"""Everything that a training cell can be drawn from: references, marker prototypes, real cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from cellmodels.genes import map_genes
from cellmodels.knowledge import MarkerRow
from cellmodels.ontology import cell_ontology

from .features import shared_markers
from .references import References, fold_columns, to_shared_space


@dataclass(frozen=True)
class MarkerWeights:
    """Log-space lift of each class's markers, and its negative genes.

    Attributes
    ----------
    lift_CF
        log1p(CP10k) level that a marker should reach: from 4 down to 2 with rank; 0 elsewhere.
    silent_CF
        True where a gene speaks against the class.
    """

    lift_CF: np.ndarray
    silent_CF: np.ndarray


@dataclass(frozen=True)
class CellSet:
    """Real labelled cells in feature space: counts, labels, and which features the file has."""

    name: str
    counts: sparse.csr_matrix
    cl_id: np.ndarray
    organism: str
    present_F: np.ndarray


# A type with more subtypes than this is an answer but no class: its probability is their sum.
MOST_SUBTYPES = 8
# Named by one property that unrelated cells share.
PROPERTIES = (
    "secretory cell", "progenitor cell", "stem cell", "mucus secreting cell",
    "duct epithelial cell", "acinar cell", "squamous epithelial cell", "neuroendocrine cell",
    "goblet cell", "fenestrated endothelial cell", "basal cell", "mesenchymal cell",
    "pyramidal neuron", "endodermal cell", "mesodermal cell", "ionocyte",
)  # fmt: skip


def answer_ids(references: References, rows: Sequence[MarkerRow]) -> tuple[str, ...]:
    """Every type that a marker row or a reference names, sorted by id."""
    return tuple(sorted({row.cl_id for row in rows} | set(references.obs["cl_id"])))


def class_ids(references: References, rows: Sequence[MarkerRow]) -> tuple[str, ...]:
    """The types that the model tells apart: the answers without the broad ones, sorted by id."""
    ontology = cell_ontology()
    answers = answer_ids(references, rows)
    subtypes = Counter(a for answer in answers for a in ontology.ancestors(answer))
    return tuple(
        answer
        for answer in answers
        if subtypes[answer] <= MOST_SUBTYPES and ontology.name(answer) not in PROPERTIES
    )


def marker_weights(
    rows: Sequence[MarkerRow], classes: Sequence[str], genes: np.ndarray
) -> MarkerWeights:
    """Marker levels of every class in feature space."""
    class_at = {cl_id: index for index, cl_id in enumerate(classes)}
    gene_at = {gene: index for index, gene in enumerate(genes)}
    lift = np.zeros((len(classes), len(genes)), np.float32)
    silent = np.zeros(lift.shape, bool)
    for row in rows:
        if row.cl_id not in class_at:
            continue
        c = class_at[row.cl_id]
        for rank, gene in enumerate(shared_markers(row, "positive")):
            if gene in gene_at:
                f = gene_at[gene]
                lift[c, f] = max(lift[c, f], 4.0 - 2.0 * min(rank, 12) / 12)
        for gene in shared_markers(row, "negative"):
            if gene in gene_at:
                silent[c, gene_at[gene]] = True
    return MarkerWeights(lift, silent)


def prototypes(
    classes: Sequence[str], references: References, genes: np.ndarray, weights: MarkerWeights
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Linear profiles for classes that no study measured: a relative with the markers raised.

    Returns
    -------
    linear_PF
        One row a class without a reference.
    index_P
        Its place among the classes.
    relative_P
        Id of the relative whose mean profile it was made from.
    """
    ontology = cell_ontology()
    gene_at = {gene: index for index, gene in enumerate(references.genes)}
    columns = np.array([gene_at[gene] for gene in genes])
    linear_RF = references.linear_RG[:, columns]
    measured = references.obs["cl_id"].to_numpy()
    rows, index, relatives = [], [], []
    for c, cl_id in enumerate(classes):
        if cl_id in set(measured):
            continue
        relative, members = nearest_relative(cl_id, measured)
        log_F = np.log1p(linear_RF[members]).mean(axis=0)
        log_F = np.maximum(log_F, weights.lift_CF[c])
        log_F[weights.silent_CF[c]] = 0.0
        rows.append(np.expm1(log_F))
        index.append(c)
        relatives.append(ontology.name(relative))
    shape = (0, len(genes))
    return np.array(rows, np.float32).reshape(len(rows), shape[1]), np.array(index, int), relatives


def nearest_relative(cl_id: str, measured: np.ndarray) -> tuple[str, np.ndarray]:
    """The closest ancestor-or-self below which there are references, and those references."""
    ontology = cell_ontology()
    above = sorted(ontology.ancestors(cl_id), key=lambda a: -len(ontology.ancestors(a)))
    for candidate in (cl_id, *above):
        members = np.flatnonzero([ontology.is_a(label, candidate) for label in measured])
        if members.size:
            return candidate, members
    return "CL:0000000", np.arange(len(measured))


def read_cell_sets(folder: Path, genes: np.ndarray) -> list[CellSet]:
    """The labelled count matrices of `folder` in feature space."""
    found = []
    for path in sorted(folder.glob("*.h5ad")):
        adata = ad.read_h5ad(path)
        organism = map_genes(list(adata.var_names)).organism
        names = to_shared_space(adata.var_names, organism)
        counts = fold_columns(sparse.csr_matrix(adata.X).astype(np.float32), names, genes)
        present = np.isin(genes, names)
        labels = adata.obs["cell_ontology_id"].astype(str).to_numpy()
        found.append(CellSet(path.stem, counts, labels, organism, present))
    return found


def references_frame(references: References) -> pd.DataFrame:
    """Classes by organism and tissue: what the library holds, for the model card."""
    return (
        references.obs.groupby(["cl_id", "organism"])["tissue"]
        .agg(lambda tissues: ", ".join(sorted(set(tissues))))
        .reset_index()
    )
