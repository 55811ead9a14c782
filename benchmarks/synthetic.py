"""Made-up cells of real cell types: files of any size for timing, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from cellmodels.genes import gene_table, is_symbol
from cellmodels.knowledge import marker_rows
from scipy import sparse

# Shapes: T cell types, G genes, N cells.

# Drawing a gene is one look-up in a table of this many entries, each gene as often as it is likely.
SLOTS = 2**20
# Spread of the abundances of genes: at 4,500 molecules a cell shows some 1,700 of 20,000 genes.
GENE_SPREAD = 2.4
MOLECULES, MOLECULES_SPREAD = 4_500, 0.35
CHUNK_CELLS = 5_000


@dataclass(frozen=True)
class Profiles:
    """Expression of made-up cell types, as tables to draw genes from.

    Attributes
    ----------
    types
        Name of each type.
    genes
        Official human symbols.
    slots
        Gene numbers int32 [T, SLOTS]; one drawn evenly is a molecule of that type.
    """

    types: tuple[str, ...]
    genes: np.ndarray
    slots: np.ndarray


def make_profiles(num_types: int, num_genes: int, seed: int = 0) -> Profiles:
    """Types of the marker table: a common background, each type's programme, its markers raised."""
    rng = np.random.default_rng(seed)
    rows = [row for row in marker_rows() if row.organism != "mouse"]
    picked = [rows[i] for i in np.linspace(0, len(rows) - 1, num_types).astype(int)]
    genes = _gene_names(num_genes)
    column = {gene: index for index, gene in enumerate(genes)}
    common = rng.normal(0, GENE_SPREAD, num_genes)
    slots = np.empty((num_types, SLOTS), np.int32)
    for index, row in enumerate(picked):
        own = common + rng.normal(0, 1, num_genes) * (rng.random(num_genes) < 0.2)
        raised = [column[gene] for gene in row.positive if gene in column]
        own[raised] = np.maximum(own[raised], np.quantile(common, 0.98))
        share = np.exp(own) / np.exp(own).sum()
        edges = np.searchsorted(np.cumsum(share), (np.arange(SLOTS) + 0.5) / SLOTS)
        slots[index] = np.minimum(edges, num_genes - 1)
    return Profiles(tuple(row.name for row in picked), genes, slots)


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


def write_cells(path: Path, num_cells: int, profiles: Profiles, seed: int = 1) -> np.ndarray:
    """Write an .h5ad (or .zarr) of raw counts, chunk by chunk; the type of each cell comes back."""
    if path.suffix == ".zarr":
        import zarr

        root = zarr.open_group(path, mode="w")
        types = _fill(root, num_cells, profiles, seed)
        zarr.consolidate_metadata(root.store)
        return types
    with h5py.File(path, "w") as root:
        return _fill(root, num_cells, profiles, seed)


def _fill(root, num_cells: int, profiles: Profiles, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # Few types are common and many are rare, as in an atlas.
    share = 1 / np.arange(1, len(profiles.types) + 1)
    types = rng.choice(len(profiles.types), num_cells, p=share / share.sum())
    names = [f"{number:08d}-1" for number in rng.permutation(num_cells)]
    obs = pd.DataFrame({"made_of": pd.Categorical.from_codes(types, profiles.types)}, index=names)
    var = pd.DataFrame(index=pd.Index(profiles.genes.astype(str)))
    empty = sparse.csr_matrix((0, len(profiles.genes)), dtype=np.float32)
    root.attrs["encoding-type"], root.attrs["encoding-version"] = "anndata", "0.1.0"
    for place, table in (("obs", obs), ("var", var)):
        write_elem(root, place, table)
    write_elem(root, "X", empty)
    matrix = root["X"]
    matrix.attrs["shape"] = [num_cells, len(profiles.genes)]
    pointers = [np.zeros(1, np.int64)]
    stored = 0
    for name, dtype in (("data", np.float32), ("indices", np.int32)):
        del matrix[name]
        growing = {"maxshape": (None,)} if isinstance(root, h5py.Group) else {}
        matrix.create_dataset(name, shape=(0,), dtype=dtype, chunks=(2**16,), **growing)
    for start in range(0, num_cells, CHUNK_CELLS):
        block = draw_counts(profiles, types[start : start + CHUNK_CELLS], rng)
        for name in ("data", "indices"):
            matrix[name].resize((stored + block.nnz,))
            matrix[name][stored:] = getattr(block, name)
        pointers.append(block.indptr[1:].astype(np.int64) + stored)
        stored += block.nnz
    del matrix["indptr"]
    pointers = np.concatenate(pointers)
    matrix.create_dataset("indptr", shape=pointers.shape, dtype=pointers.dtype)[:] = pointers
    return types
