"""The two methods that everybody knows, on the same references, markers and cells."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from cellmodels.annotate.evidence import markers_of

VARIABLE = 3_000


def correlation(log_BG: np.ndarray, log_RG: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """SingleR style: the label of the reference with the highest Spearman correlation.

    Over the genes that vary most among the references (Aran et al. 2019, without fine-tuning).
    """
    genes = np.argsort(-log_RG.std(axis=0), kind="stable")[:VARIABLE]
    rho = _standard_ranks(log_BG[:, genes]) @ _standard_ranks(log_RG[:, genes]).T
    return labels[rho.argmax(axis=1)]


def marker_counting(
    log_BF: sparse.csr_matrix, genes: np.ndarray, organism: str, cluster_B: np.ndarray
) -> np.ndarray:
    """Like scType: scaled marker expression over the root of its markers' number, by cluster.

    Ianevski et al. 2022, with the project's own marker table and no negative markers' database.
    """
    dense = log_BF.toarray()
    scaled = (dense - dense.mean(axis=0)) / (dense.std(axis=0) + 1e-6)
    column = {gene: index for index, gene in enumerate(genes)}
    ids, scores = [], []
    sharing = Counter(g for markers in markers_of(organism).values() for g in markers)
    most = max(sharing.values())
    for cl_id, markers in markers_of(organism).items():
        known = [gene for gene in markers if gene in column]
        if len(known) < 3:
            continue
        # scType's sensitivity weight: a marker of few types counts more.
        weight = np.array([1 - (sharing[g] - 1) / max(most - 1, 1) for g in known])
        ids.append(cl_id)
        scores.append(scaled[:, [column[g] for g in known]] @ weight / np.sqrt(len(known)))
    score_BT = np.array(scores).T
    answer = np.empty(len(cluster_B), dtype=object)
    for cluster in np.unique(cluster_B):
        rows = cluster_B == cluster
        answer[rows] = ids[int(score_BT[rows].sum(axis=0).argmax())]
    return answer


def majority(labels: np.ndarray, cluster_B: np.ndarray) -> np.ndarray:
    """The most frequent label of each cluster, for all its cells."""
    answer = np.empty(len(labels), dtype=object)
    for cluster in np.unique(cluster_B):
        rows = cluster_B == cluster
        counts = Counter(labels[rows].tolist())
        answer[rows] = min(counts, key=lambda label: (-counts[label], label))
    return answer


def _standard_ranks(x_BG: np.ndarray) -> np.ndarray:
    ranks = rankdata(x_BG, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return (ranks / np.maximum(ranks.std(axis=1, keepdims=True), 1e-9)).astype(np.float32)
