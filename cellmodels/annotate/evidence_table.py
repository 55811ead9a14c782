"""Evidence genes of a stored annotation, and their expression in its cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from cellmodels.inputs import to_cp10k
from cellmodels.stream import open_cells

from .restoring import checked_again
from .result import UNKNOWN

if TYPE_CHECKING:
    from anndata import AnnData


def evidence_genes(clusters: str, n_genes: int) -> dict[str, list[str]]:
    """At most `n_genes` genes for each named type, most frequent type first.

    A gene stands with the first type that has it. Types of several clusters take the genes that
    come first in most of their cells.

    Parameters
    ----------
    clusters
        ``uns[key]["clusters"]``, JSON.

    Examples
    --------
    >>> call = {"name": "B cell", "cl_id": "CL:0000236"}
    >>> one = {"call": call, "n_cells": 9, "evidence": ["MS4A1", "CD79A", "BANK1"]}
    >>> evidence_genes(json.dumps([one]), 2)
    {'B cell': ['MS4A1', 'CD79A']}
    """
    weights: dict[str, dict[str, float]] = {}
    sizes: dict[str, int] = {}
    for entry in json.loads(clusters):
        name = entry["call"]["name"]
        if name == UNKNOWN:
            continue
        sizes[name] = sizes.get(name, 0) + entry["n_cells"]
        weight = weights.setdefault(name, {})
        for place, gene in enumerate(entry["evidence"]):
            weight[gene] = weight.get(gene, 0.0) + entry["n_cells"] / (place + 1)
    chosen: dict[str, list[str]] = {}
    taken: set[str] = set()
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        ranked = sorted(weights[name], key=lambda gene: (-weights[name][gene], gene))
        fresh = [gene for gene in ranked if gene not in taken][:n_genes]
        if fresh:
            chosen[name] = fresh
            taken.update(fresh)
    return chosen


def evidence_expression(
    adata: AnnData, genes: dict[str, list[str]], key: str
) -> tuple[AnnData, dict[str, list[str]]]:
    """log1p(CP10k) of these genes in the named cells, with the column "cell type".

    Genes are read from the matrix that was annotated, by their official symbols.

    Returns
    -------
    cells
        The cells whose type is in `genes`, by the genes that the matrix still holds.
    genes
        `genes` without the others.
    """
    from anndata import AnnData

    wanted = [gene for group in genes.values() for gene in group]
    with open_cells(adata) as source:
        found = checked_again(source, adata.uns[key])
        fold_VG = found.gene_map.projection(wanted)
        parts = [to_cp10k(block, found.state) @ fold_VG for _, block in source.blocks(found.matrix)]
    values = sparse.csr_matrix(sparse.vstack(parts, format="csr"))
    np.log1p(values.data, out=values.data)
    held = set(np.array(wanted)[np.asarray(fold_VG.sum(axis=0)).ravel() > 0])
    kept = {name: [g for g in group if g in held] for name, group in genes.items()}
    kept = {name: group for name, group in kept.items() if group}
    types = adata.obs[f"{key}_cell_type"].astype(str).to_numpy()
    named = np.flatnonzero(np.isin(types, list(kept)))
    obs = pd.DataFrame({"cell type": pd.Categorical(types[named])}, index=named.astype(str))
    return AnnData(values[named], obs=obs, var=pd.DataFrame(index=wanted)), kept
