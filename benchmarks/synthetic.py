"""Made-up cells of real cell types: files of any size for timing, the same for the same seed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from scipy import sparse

from cellmodels.genes import gene_table, is_symbol
from cellmodels.knowledge import marker_rows

# Shapes: T cell types, G genes, N cells.

# Drawing a gene is one look-up in a table of this many entries, each gene as often as it is likely.
SLOTS = 2**20
# Spread of the abundances of genes: at 4,500 molecules a cell shows some 1,700 of 20,000 genes.
GENE_SPREAD = 2.4
MOLECULES, MOLECULES_SPREAD = 4_500, 0.35
CHUNK_CELLS = 5_000
STORED_CHUNK = 2**16


@dataclass(frozen=True)
class Profiles:
    """Expression of made-up cell types.

    Attributes
    ----------
    types
        Name of each type.
    genes
        Official human symbols.
    shares
        Share of each gene in the molecules of each type, float32 [T, G].
    """

    types: tuple[str, ...]
    genes: np.ndarray
    shares: np.ndarray

    @cached_property
    def slots(self) -> np.ndarray:
        """Gene numbers int32 [T, SLOTS]; one drawn evenly is a molecule of that type."""
        place = (np.arange(SLOTS) + 0.5) / SLOTS
        drawn = [np.searchsorted(np.cumsum(share, dtype=float), place) for share in self.shares]
        return np.minimum(np.array(drawn, np.int32), len(self.genes) - 1)


def make_profiles(num_types: int, num_genes: int, seed: int = 0) -> Profiles:
    """Types of the marker table: a common background, a programme of their own, raised markers."""
    rng = np.random.default_rng(seed)
    rows = [row for row in marker_rows() if row.organism != "mouse"]
    picked = [rows[i] for i in np.linspace(0, len(rows) - 1, num_types).astype(int)]
    genes = _gene_names(num_genes)
    column = {gene: index for index, gene in enumerate(genes)}
    common = rng.normal(0, GENE_SPREAD, num_genes)
    shares = np.empty((num_types, num_genes), np.float32)
    for index, row in enumerate(picked):
        own = common + rng.normal(0, 1, num_genes) * (rng.random(num_genes) < 0.2)
        raised = [column[gene] for gene in row.positive if gene in column]
        own[raised] = np.maximum(own[raised], np.quantile(common, 0.98))
        shares[index] = np.exp(own) / np.exp(own).sum()
    return Profiles(tuple(f"{row.name} {i}" for i, row in enumerate(picked)), genes, shares)


def _gene_names(count: int) -> np.ndarray:
    table = gene_table("human")
    known = {gene for row in marker_rows() for gene in row.positive if is_symbol(gene, "human")}
    coding = [gene for gene in table.symbols if table.gene_class(gene) == "coding"]
    others = [gene for gene in table.symbols if table.gene_class(gene) != "coding"]
    names = list(dict.fromkeys([*sorted(known), *coding, *others]))[:count]
    return np.array(sorted(names), dtype=object)


def draw_counts(
    profiles: Profiles, types: Sequence[int], rng: np.random.Generator
) -> sparse.csr_matrix:
    """Counts of one cell for each entry of `types`, float32 [N, G]."""
    molecules = rng.lognormal(np.log(MOLECULES), MOLECULES_SPREAD, len(types)).astype(np.int64)
    cell = np.repeat(np.arange(len(types)), molecules)
    drawn = profiles.slots[np.asarray(types)[cell], rng.integers(0, SLOTS, len(cell), np.int32)]
    ones = np.ones(len(cell), np.float32)
    shape = (len(types), len(profiles.genes))
    counts = sparse.csr_matrix((ones, (cell, drawn)), shape=shape)
    counts.sum_duplicates()
    return counts


def write_cells(path: Path, num_cells: int, profiles: Profiles, seed: int = 1) -> None:
    """Write an .h5ad (or .zarr) of raw counts, chunk by chunk; obs["made_of"] is the truth."""
    if path.suffix != ".zarr":
        with h5py.File(path, "w") as root:
            _fill(root, num_cells, profiles, seed)
        return
    import zarr

    with warnings.catch_warnings():
        # Notices about layouts to come; the readers take all of them.
        warnings.simplefilter("ignore")
        _fill(zarr.open_group(path, mode="w"), num_cells, profiles, seed)


def _fill(root: Any, num_cells: int, profiles: Profiles, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Few types are common and many are rare, as in an atlas.
    share = 1 / np.arange(1, len(profiles.types) + 1)
    types = rng.choice(len(profiles.types), num_cells, p=share / share.sum())
    names = [f"{number:08d}-1" for number in rng.permutation(num_cells)]
    obs = pd.DataFrame({"made_of": pd.Categorical.from_codes(types, profiles.types)}, index=names)
    var = pd.DataFrame(index=pd.Index(profiles.genes.astype(str)))
    root.attrs["encoding-type"], root.attrs["encoding-version"] = "anndata", "0.1.0"
    write_elem(root, "obs", obs)
    write_elem(root, "var", var)
    write_elem(root, "X", sparse.csr_matrix((0, len(profiles.genes)), dtype=np.float32))
    matrix = root["X"]
    matrix.attrs["shape"] = [num_cells, len(profiles.genes)]
    for name, dtype in (("data", np.float32), ("indices", np.int32)):
        _replace(matrix, name, 0, dtype)
    ends = [0]
    for start in range(0, num_cells, CHUNK_CELLS):
        block = draw_counts(profiles, types[start : start + CHUNK_CELLS], rng)
        for name in ("data", "indices"):
            matrix[name].resize((ends[-1] + block.nnz,))
            matrix[name][ends[-1] :] = getattr(block, name)
        ends += (block.indptr[1:].astype(np.int64) + ends[-1]).tolist()
    _replace(matrix, "indptr", len(ends), np.int64)
    matrix["indptr"][:] = np.array(ends)


def _replace(matrix: Any, name: str, length: int, dtype: type) -> None:
    del matrix[name]
    growing = {"maxshape": (None,)} if isinstance(matrix, h5py.Group) else {}
    matrix.create_dataset(name, shape=(length,), dtype=dtype, chunks=(STORED_CHUNK,), **growing)
