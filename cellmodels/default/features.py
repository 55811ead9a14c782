"""The columns of a file brought to the genes of a model."""

from __future__ import annotations

import numpy as np
from scipy import sparse


class Fold:
    """Row blocks of a file brought to the genes of a model; columns that share a gene add up.

    Parameters
    ----------
    names
        Shared-space name of each file column.
    genes
        The F genes wanted, each once.
    """

    def __init__(self, names: np.ndarray, genes: np.ndarray) -> None:
        whole_VF = fold_onto(names, genes)
        wanted = np.flatnonzero(np.diff(whole_VF.indptr))
        _, first = np.unique(whole_VF.indices, return_index=True)
        first.sort()
        self._columns = wanted[first]
        self._genes = whole_VF.indices[first]
        self._more = np.setdiff1d(wanted, self._columns)
        self._more_VF = whole_VF[self._more]
        self.present_F = np.bincount(self._genes, minlength=len(genes)) > 0

    def __call__(self, block: sparse.csr_matrix) -> sparse.csr_matrix:
        """float32 CSR [B, F] of a block [B, V]; a row's genes are in no order."""
        # Selecting columns takes half the time of a product with a matrix of ones.
        own = block[:, self._columns]
        shape = (block.shape[0], len(self.present_F))
        folded = sparse.csr_matrix((own.data, self._genes[own.indices], own.indptr), shape=shape)
        if len(self._more):
            folded = folded + block[:, self._more] @ self._more_VF
        return folded


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
