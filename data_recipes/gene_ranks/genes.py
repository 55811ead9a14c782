"""Which column of a file is which gene of the dictionaries."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp

from cellmodels.genes import GeneMap, gene_table, shared_names

Names = Literal["ensembl", "shared"]


def gene_names(genes: GeneMap, names: Names) -> list[str]:
    """The name of each column in the dictionaries; "" for what is left out.

    In are protein-coding genes and microRNAs, as in the published dictionaries. ``"ensembl"``
    names a gene by its human Ensembl id, the lowest where it has several, and leaves out mouse
    genes without a human ortholog; ``"shared"`` takes the symbols of
    :func:`cellmodels.genes.shared_names`, which keep those.
    """
    symbols = shared_names(genes.symbols, genes.organism)
    found = [symbol if symbol and _is_kept(symbol) else "" for symbol in symbols]
    return [_human_id(name) if name else "" for name in found] if names == "ensembl" else found


def columns_to(genes: GeneMap, names: Names, places: dict[str, int]) -> sp.csr_matrix:
    """The 0/1 matrix [columns, genes] that adds up the columns of each gene."""
    pairs = [
        (column, places[name])
        for column, name in enumerate(gene_names(genes, names))
        if name in places
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    ones = np.ones(len(pairs), dtype=np.float32)
    return sp.csr_matrix((ones, (rows, columns)), shape=(genes.n_file, len(places)))


def _is_kept(symbol: str) -> bool:
    human, mouse = (gene_table(organism).gene_class(symbol) for organism in ("human", "mouse"))
    kind = human or mouse
    return kind == "coding" or (kind == "ncRNA" and symbol.upper().startswith("MIR"))


def _human_id(symbol: str) -> str:
    return min(gene_table("human").ensembl_ids.get(symbol, ()), default="")
