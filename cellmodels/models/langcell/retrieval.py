"""Cells that a text describes: the most similar ones, put in order again by matching."""

# Shapes: B cells, K cells that are matched, P shared width.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .zero_shot import ZeroShot

ReadCells = Callable[[np.ndarray], "list[np.ndarray]"]
"""From numbers of cells to their gene ids."""


@dataclass(frozen=True)
class Ranking:
    """All cells in the order in which they fit a text.

    Attributes
    ----------
    score_B
        Larger is better, float32; NaN for cells without an embedding.
    rank_B
        1 for the best cell, int32; cells without an embedding are the last.
    """

    score_B: np.ndarray
    rank_B: np.ndarray


def rank_for_text(
    query: ZeroShot, embedding_BP: np.ndarray, read_cells: ReadCells, *, rerank: int = 50
) -> Ranking:
    """Rank cells by similarity to a text, and the best of them by matching too.

    Similarity compares two points and costs nothing; in matching the text tower reads the text
    again while it looks at the cell (Zhao et al. 2024), so that only the best are read.

    Parameters
    ----------
    query
        A model with this text alone.
    embedding_BP
        Points of the cells in the shared space, of length 1, or zeros.
    read_cells
        Gives the gene ids of cells by their numbers.
    rerank
        How many of the best cells are matched; below 2 none is.
    """
    text_P = query.text_embedding_NP[0].cpu().numpy()
    # Row by row: a product of matrices rounds by their shapes.
    similarity_B = np.einsum("bp,p->b", embedding_BP, text_P).astype(np.float64)
    similarity_B[~embedding_BP.any(axis=1)] = np.nan
    order_B = best_first(similarity_B)
    known = len(similarity_B) - int(np.isnan(similarity_B).sum())
    best_K = order_B[: min(rerank, known) if rerank > 1 else 0]
    # Without a share of the similarity, and of one text, this is log m.
    log_m_K = query.scores_exact(read_cells(best_K), alpha=0.0, logit_space=True)[:, 0]
    # In cosines, as the model's own score log s + weight x log m has it.
    scale = float(query.model.temperature) * query.settings.weight
    return reranked(similarity_B, best_K, scale * log_m_K)


def reranked(similarity_B: np.ndarray, best_K: np.ndarray, doubt_K: np.ndarray) -> Ranking:
    """The ranking in which cells lose what matching doubts: score = similarity + doubt.

    Cells that were not matched lose as much as the worst of those that were: the best stay ahead
    of them, in another order.

    Parameters
    ----------
    similarity_B
        Of each cell; NaN for those that cannot be ranked.
    best_K
        The cells that were matched, the first of :func:`best_first`; there may be none.
    doubt_K
        0 where the match is certain, else below.

    Examples
    --------
    >>> found = reranked(np.array([0.5, 0.375, 0.25]), np.array([0, 1]), np.array([-0.25, 0.0]))
    >>> found.rank_B.tolist(), found.score_B.tolist()
    ([2, 1, 3], [0.25, 0.375, 0.0])
    """
    score_B = similarity_B + (doubt_K.min() if len(best_K) else 0.0)
    score_B[best_K] = similarity_B[best_K] + doubt_K
    # Rounding must not carry another cell past those that were matched.
    behind_B = np.ones(len(score_B), dtype=bool)
    behind_B[best_K] = False
    order_B = np.lexsort((_places(best_first(similarity_B)), -score_B, behind_B))
    return Ranking(score_B.astype(np.float32), _places(order_B) + 1)


def best_first(similarity_B: np.ndarray) -> np.ndarray:
    """Numbers of the cells, the most similar first; equals as they stand, NaN last.

    Examples
    --------
    >>> best_first(np.array([0.1, np.nan, 0.9, 0.1])).tolist()
    [2, 0, 3, 1]
    """
    return np.argsort(-similarity_B, kind="stable")


def _places(order_B: np.ndarray) -> np.ndarray:
    places_B = np.empty(len(order_B), dtype=np.int32)
    places_B[order_B] = np.arange(len(order_B), dtype=np.int32)
    return places_B
