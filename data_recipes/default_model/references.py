"""The profile library as labelled references: one row a cell type of one study and organ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from biosequence.errors import InputError
from cellmodels.default.features import fold_onto
from cellmodels.genes import map_genes, shared_names

# The adult stomach rows repeat the fetal ones to the last digit and hold fetal erythroblasts.
DUPLICATED_DATASETS = ("Mouse_Adult_Stomach_MCA",)
TARGET_SUM = 10_000.0


@dataclass(frozen=True)
class References:
    """Mean expression per cell type in one gene space.

    Attributes
    ----------
    linear_RG
        Mean expression, each row summing to at most 10,000 over the genes of its source.
    genes
        Names of the columns: human symbols, and mouse symbols that have no human ortholog.
    obs
        One row a reference: cl_id, organism, tissue, dataset, label, log_like.
    """

    linear_RG: np.ndarray
    genes: np.ndarray
    obs: pd.DataFrame


def to_shared_space(names: Iterable[str], organism: str) -> np.ndarray:
    """Shared-space gene name of each column of a file ("" where the name is not known)."""
    return shared_names(map_genes(list(names), organism=organism).symbols, organism)


def fold_columns(
    matrix: sparse.csr_matrix, names: np.ndarray, genes: np.ndarray
) -> sparse.csr_matrix:
    """Sum the columns that share a gene name, in the order of `genes`."""
    return sparse.csr_matrix(matrix @ fold_onto(names, genes))


def unlog(values: np.ndarray) -> np.ndarray:
    """Linear profile from a mean of log values that was renormalised to 10,000.

    The scale that renormalising lost is found again: `expm1(scale * values)` sums to 10,000.
    What comes back is nearer to a geometric than to an arithmetic mean.
    """
    low, high = 1e-3, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        total = np.expm1(np.minimum(middle * values, 30.0)).sum()
        low, high = (low, middle) if total > TARGET_SUM else (middle, high)
    return np.expm1(low * values)


def read_library(folder: Path) -> References:
    """The human and mouse profile libraries of `folder` as one table of references.

    Raises
    ------
    InputError
        If a library file is missing.
    """
    parts = []
    for organism in ("human", "mouse"):
        path = folder / f"profiles_{organism}.h5ad"
        if not path.exists():
            msg = f"There is no {path.name}."
            raise InputError(msg, where=str(folder), fix="Point --source at the profile library.")
        adata = ad.read_h5ad(path)
        adata = adata[~adata.obs["dataset"].isin(DUPLICATED_DATASETS)].copy()
        parts.append((organism, adata, to_shared_space(adata.var_names, organism)))
    genes = np.array(
        sorted({name for _, _, names in parts for name in names if name}), dtype=object
    )
    linear, rows = [], []
    for organism, adata, names in parts:
        log_like = adata.obs["scale"].astype(str).str.startswith("log").to_numpy()
        values = sparse.csr_matrix(adata.X).astype(np.float32)
        dense = values.toarray()
        for row in np.flatnonzero(log_like):
            dense[row] = unlog(dense[row])
        linear.append(fold_columns(sparse.csr_matrix(dense), names, genes).toarray())
        rows.append(
            pd.DataFrame(
                {
                    "cl_id": curated_ids(adata.obs, organism),
                    "organism": organism,
                    "tissue": adata.obs["tissue"].astype(str).to_numpy(),
                    "dataset": adata.obs["dataset"].astype(str).to_numpy(),
                    "label": adata.obs["cell_type_orig"].astype(str).to_numpy(),
                    "log_like": log_like,
                }
            )
        )
    obs = pd.concat(rows, ignore_index=True)
    keep = (obs["cl_id"] != "").to_numpy()
    return References(np.vstack(linear)[keep], genes, obs[keep].reset_index(drop=True))


def curated_ids(obs: pd.DataFrame, organism: str) -> list[str]:
    """Cell Ontology id of each profile: the hand-checked one, else the library's ("" for none)."""
    table = pd.read_csv(
        str(files(__package__) / "profile_labels.tsv"), sep="\t", keep_default_na=False
    )
    table = table[table["organism"] == organism]
    known = {(row.tissue, row.label): row.cl_id for row in table.itertuples()}
    found = []
    for row in obs.astype(str).itertuples():
        label = row.cell_type_orig
        plain = re.sub(r"\.[^.]+(\.[0-9a-z]+)?\.high$", "", label)
        keys = [(row.tissue, label), ("*", label), (row.tissue, plain), ("*", plain)]
        own = row.cell_ontology_id if row.cell_ontology_id.startswith("CL:") else ""
        found.append(next((known[key] for key in keys if key in known), own))
    return found
