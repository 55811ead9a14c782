"""The best candidates of each cell by similarity, matched and put in order again."""

# Shapes: B cells, N candidates, K best ones, R of them in one call, L genes, D cell width.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .cell_blocks import CellBlock
from .scores import close_enough, matched_scores

Match = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Candidates (B, R) of cells with states (B, L, D) and masks (B, L) to logits (B, R, 2)."""

# The published score of this many candidates says how far matching reaches; of more, no less far.
REACH = 50


class Reranking:
    """Takes cells block by block; a cell is matched where similarity does not decide by itself.

    Parameters
    ----------
    cells, candidates
        How many there are.
    most
        Candidates of a cell that are matched; below 2 none is.
    prior_N
        What speaks for candidates before a cell is seen: logarithms.
    match
        The model's matching.
    at_once
        Cells in one call. They wait until there are as many, and the last call of a kind is filled
        up: its shape, by which kernels are chosen, says nothing of the other cells.
    """

    def __init__(
        self,
        cells: int,
        candidates: int,
        most: int,
        prior_N: Tensor,
        match: Match,
        *,
        at_once: int,
    ) -> None:
        most = max(1, min(most, candidates))
        self._close = close_enough(min(candidates, REACH))
        self._prior_N = prior_N
        self._match = match
        self._at_once = at_once
        self._log_s_BN = torch.zeros(cells, candidates)
        self._best_BK = torch.zeros(cells, most, dtype=torch.int64)
        self._compared_BK = torch.zeros(cells, most, dtype=torch.bool)
        self._match_BK2 = torch.zeros(cells, most, 2)
        self._waiting: dict[int, list[_Waiting]] = {}
        self._length = 0

    def add(self, block: CellBlock, log_s_BN: Tensor, hidden_BLD: Tensor) -> None:
        """Rank the candidates of a block's cells, and match those that lie close to the first.

        Parameters
        ----------
        block
            The cells.
        log_s_BN
            Log probabilities of the similarity.
        hidden_BLD
            States that matching reads.
        """
        if hidden_BLD.shape[1] != self._length:
            self._match_rest()
            self._length = hidden_BLD.shape[1]
        here = len(block.rows)
        p_BN = (log_s_BN + self._prior_N).softmax(-1)[:here]
        p_BK, best_BK = p_BN.topk(self._best_BK.shape[1])
        close_BK = p_BK >= p_BK[:, :1] - self._close
        close_BK &= close_BK.sum(-1, keepdim=True) > 1
        self._log_s_BN[block.rows] = log_s_BN[:here].cpu()
        self._best_BK[block.rows] = best_BK.cpu()
        self._compared_BK[block.rows] = close_BK.cpu()
        for place, count in enumerate(close_BK.sum(-1).tolist()):
            if count:
                cell = _Waiting(
                    int(block.rows[place]),
                    best_BK[place, :count],
                    hidden_BLD[place],
                    block.mask_BL[place, : self._length],
                )
                waiting = self._waiting.setdefault(count, [])
                waiting.append(cell)
                if len(waiting) == self._at_once:
                    self._match_waiting(self._waiting.pop(count))

    def scores(self, weight: float) -> Tensor:
        """Scores of all cells, (B, N); see :func:`matched_scores`."""
        self._match_rest()
        return matched_scores(
            self._log_s_BN, self._best_BK, self._match_BK2, self._compared_BK, weight
        )

    def _match_rest(self) -> None:
        for waiting in self._waiting.values():
            self._match_waiting(waiting)
        self._waiting = {}

    def _match_waiting(self, cells: list[_Waiting]) -> None:
        full = [*cells, *[cells[-1]] * (self._at_once - len(cells))]
        logits_BR2 = self._match(
            torch.stack([cell.best_R for cell in full]),
            torch.stack([cell.hidden_LD for cell in full]),
            torch.stack([cell.mask_L for cell in full]),
        )[: len(cells)]
        rows = [cell.row for cell in cells]
        self._match_BK2[rows, : logits_BR2.shape[1]] = logits_BR2.cpu()


@dataclass(frozen=True)
class _Waiting:
    row: int
    best_R: Tensor
    hidden_LD: Tensor
    mask_L: Tensor
