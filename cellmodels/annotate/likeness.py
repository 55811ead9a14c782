"""Rank correlation of a cluster's mean profile with the reference profiles, class by class."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

# Shapes: B profiles, R references, F feature genes, C classes, G compared genes.

COMPARED = 2_500
# A class is as like as the mean of its three most like references: one odd study does not decide.
BEST = 3


class Likeness:
    """References ranked over the genes that a file has.

    Parameters
    ----------
    log_RF
        log1p(CP10k) of the references.
    support_RC
        Which references speak for which class.
    present_F
        Genes of the file.
    """

    def __init__(self, log_RF: np.ndarray, support_RC: np.ndarray, present_F: np.ndarray) -> None:
        present = np.flatnonzero(present_F)
        spread = log_RF[:, present].std(axis=0)
        self.genes_G = np.sort(present[np.argsort(-spread, kind="stable")[:COMPARED]])
        self.ranks_RG = _standard_ranks(log_RF[:, self.genes_G])
        self.support_RC = support_RC

    def __call__(self, mean_BF: np.ndarray) -> np.ndarray:
        """Spearman correlation float32 [B, C] of profiles with classes; 0 without a reference."""
        like_BC = np.zeros((len(mean_BF), self.support_RC.shape[1]), np.float32)
        if len(self.genes_G) < BEST:
            return like_BC
        rho_BR = _standard_ranks(mean_BF[:, self.genes_G]) @ self.ranks_RG.T / len(self.genes_G)
        for column in np.flatnonzero(self.support_RC.any(axis=0)):
            best = np.sort(rho_BR[:, self.support_RC[:, column]], axis=1)[:, -BEST:]
            like_BC[:, column] = best.mean(axis=1)
        return like_BC


def _standard_ranks(x_BG: np.ndarray) -> np.ndarray:
    ranks = rankdata(x_BG, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return (ranks / np.maximum(ranks.std(axis=1, keepdims=True), 1e-9)).astype(np.float32)
