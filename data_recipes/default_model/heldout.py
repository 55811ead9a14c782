"""Held-out test cells: pseudo-cells of studies that a model has not seen, as users' files look."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from cellmodels.ontology import cell_ontology

from .references import DUPLICATED_DATASETS, curated_ids, unlog
from .tumours import clone


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How test cells are made of a profile.

    Attributes
    ----------
    name
        What the tables call it.
    depth, depth_sigma
        Median counts per cell and their log-normal spread.
    gene_sigma
        Gene-wise log-normal noise of each cell.
    platform_sigma
        Gene-wise log-normal noise of the whole data set.
    ambient
        Share of the data set's mean in each cell.
    panel
        Number of genes kept (the most variable ones of the data set); 0 keeps all.
    clones
        Clones grown from each epithelial type of the data set; their cells bear its label. Data
        sets without such a type are left out. 0 leaves every cell healthy.
    """

    name: str
    depth: float = 3_000.0
    depth_sigma: float = 0.5
    gene_sigma: float = 0.3
    platform_sigma: float = 0.4
    ambient: float = 0.05
    panel: int = 0
    clones: int = 0


CONDITIONS = (
    Condition(name="10x"),
    Condition(name="10x shallow", depth=800.0),
    Condition(name="Smart-seq", depth=100_000.0, gene_sigma=1.2, platform_sigma=0.6, ambient=0.01),
    Condition(name="panel 500", panel=500),
    Condition(name="tumour", clones=3, ambient=0.1),
)
EPITHELIAL = "CL:0000066"
MALIGNANT = "malignant, from "


def fold_of(dataset: str, folds: int) -> int:
    """The fold that holds a data set (an organ of a study) out; the same on every machine."""
    return int(hashlib.md5(dataset.encode()).hexdigest(), 16) % folds


@dataclass(frozen=True)
class TestSet:
    """Pseudo-cells of one held-out data set: raw counts with the true id of each cell."""

    dataset: str
    tissue: str
    organism: str
    adata: ad.AnnData


def read_profiles(folder: Path, organism: str) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Linear profiles [R, G] with the genes' names as in the file, and their table with `cl_id`."""
    adata = ad.read_h5ad(folder / f"profiles_{organism}.h5ad")
    adata = adata[~adata.obs["dataset"].isin(DUPLICATED_DATASETS)].copy()
    linear = sparse.csr_matrix(adata.X).toarray().astype(np.float32)
    for row in np.flatnonzero(adata.obs["scale"].astype(str).str.startswith("log")):
        linear[row] = unlog(linear[row])
    obs = adata.obs.astype(str).assign(cl_id=curated_ids(adata.obs, organism))
    keep = (obs["cl_id"] != "").to_numpy()
    return linear[keep], obs[keep], np.asarray(adata.var_names)


def test_sets(
    folder: Path, fold: int, folds: int, condition: Condition, *, per_type: int = 25, seed: int = 0
) -> Iterator[TestSet]:
    """One test set for each data set that `fold` holds out."""
    for organism in ("human", "mouse"):
        linear, obs, names = read_profiles(folder, organism)
        for dataset in obs["dataset"].unique():
            if fold_of(dataset, folds) != fold:
                continue
            rows = np.flatnonzero((obs["dataset"] == dataset).to_numpy())
            profiles, cl_id = linear[rows], obs["cl_id"].to_numpy()[rows]
            label = obs["cell_type_orig"].to_numpy()[rows]
            if condition.clones:
                grown, origin = _clones(profiles, cl_id, names, condition, _seed(dataset, seed))
                if not len(origin):
                    continue
                profiles, cl_id = np.vstack([profiles, grown]), np.append(cl_id, cl_id[origin])
                label = np.append(label, [MALIGNANT + name for name in label[origin]])
            adata = draw_cells(profiles, condition, per_type, _seed(dataset, seed))
            adata.var_names = pd.Index(names)
            adata.obs["cl_id"] = np.repeat(cl_id, per_type)
            adata.obs["label"] = np.repeat(label, per_type)
            if condition.panel:
                adata = adata[:, _most_variable(linear[rows], condition.panel)].copy()
            yield TestSet(dataset, obs["tissue"].iloc[rows[0]], organism, adata)


def _clones(
    linear_RG: np.ndarray, cl_id: np.ndarray, names: np.ndarray, condition: Condition, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Clones grown from epithelial profiles, and the row that each was grown from."""
    ontology = cell_ontology()
    rng = np.random.default_rng(seed)
    origin = np.repeat(
        np.flatnonzero([ontology.is_a(one, EPITHELIAL) for one in cl_id]), condition.clones
    )
    organ_G = linear_RG.mean(axis=0)
    grown = [clone(linear_RG[row], organ_G, names, rng) for row in origin]
    return np.array(grown, np.float32).reshape(len(grown), linear_RG.shape[1]), origin


def draw_cells(linear_RG: np.ndarray, condition: Condition, per_type: int, seed: int) -> ad.AnnData:
    """`per_type` cells of each profile, raw counts."""
    rng = np.random.default_rng(seed)
    mean_G = linear_RG.mean(axis=0)
    platform_G = np.exp(condition.platform_sigma * rng.standard_normal(len(mean_G)))
    blocks = []
    for profile_G in linear_RG:
        mixed_G = profile_G * (1 - condition.ambient) + mean_G * condition.ambient
        noise = np.exp(condition.gene_sigma * rng.standard_normal((per_type, len(mixed_G))))
        rate = mixed_G * platform_G * noise
        rate /= rate.sum(axis=1, keepdims=True)
        depth = condition.depth * np.exp(condition.depth_sigma * rng.standard_normal((per_type, 1)))
        blocks.append(sparse.csr_matrix(rng.poisson(rate * depth).astype(np.float32)))
    counts = sparse.vstack(blocks, format="csr")
    names = [f"cell{i}" for i in range(counts.shape[0])]
    return ad.AnnData(counts, obs=pd.DataFrame(index=names))


def _most_variable(linear_RG: np.ndarray, count: int) -> np.ndarray:
    return np.sort(np.argsort(-np.log1p(linear_RG).std(axis=0), kind="stable")[:count])


def _seed(dataset: str, seed: int) -> int:
    return int(hashlib.md5(f"{dataset} {seed}".encode()).hexdigest(), 16) % 2**32
