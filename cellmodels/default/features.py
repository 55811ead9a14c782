"""One gene space for human and mouse: human symbols, and mouse symbols that have no human ortholog."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse

from cellmodels.genes import orthologs


def shared_names(symbols: Iterable[str], organism: str) -> np.ndarray:
    """Shared-space name of each official symbol; "" stays "".

    Examples
    --------
    >>> list(shared_names(["Cd3e", "Ly6g"], "mouse"))
    ['CD3E', 'Ly6g']
    """
    if organism == "human":
        return np.array(list(symbols), dtype=object)
    human = orthologs("mouse", "human")
    return np.array([human.get(s, (s,))[0] if s else "" for s in symbols], dtype=object)


def fold_onto(names: np.ndarray, genes: np.ndarray) -> sparse.csr_matrix:
    """File columns x genes matrix of ones: multiplying by it sums the columns that share a gene.

    Parameters
    ----------
    names
        Shared-space name of each file column.
    genes
        The genes wanted, each once.
    """
    where = {gene: column for column, gene in enumerate(genes)}
    pairs = [(row, where[name]) for row, name in enumerate(names) if name in where]
    rows = np.array([row for row, _ in pairs], dtype=np.int64)
    columns = np.array([column for _, column in pairs], dtype=np.int64)
    ones = np.ones(len(pairs), np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(names), len(genes)))
