"""Cells of an open file through the tokenizer and the cell tower, block by block."""

# Shapes: B cells of the file, P shared width.

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellmodels.inputs import InputCheck, check_block, to_cp10k
from cellmodels.stream import CellSource
from cellmodels.tokenizers.streaming import rank_cells

if TYPE_CHECKING:
    from cellmodels.tokenizers import GeneRankTokenizer

    from .zero_shot import ZeroShot


@dataclass(frozen=True)
class RankedCells:
    """Cells of an open file as ids of genes; cells without a known gene have none.

    Attributes
    ----------
    source
        The open file.
    check
        What :func:`cellmodels.inputs.check_input` found there.
    genes
        How cells are read.
    size
        Rows of a block, which is what is in memory at once. No result depends on it.
    """

    source: CellSource
    check: InputCheck
    genes: GeneRankTokenizer
    size: int = 4096

    def blocks(self) -> Iterator[tuple[int, list[np.ndarray]]]:
        """First row and ids of each block.

        Raises
        ------
        InputError
            If no gene is in the vocabulary, or a value is negative, NaN or infinite.
        """
        for first, found in rank_cells(self.source, self.check, self.genes, size=self.size):
            yield first, list(map(_told, found))

    def rows(self, rows: np.ndarray) -> list[np.ndarray]:
        """Ids of the cells of these numbers, in their order.

        Raises
        ------
        InputError
            As :meth:`blocks`.
        """
        bound = self.genes.bind(self.check.gene_map)
        # The reader wants them ascending.
        ascending, places = np.unique(rows, return_inverse=True)
        block = self.source.rows(self.check.matrix, ascending)
        check_block(block, where=f"{self.source.name}, among {len(ascending):,} chosen cells")
        logged = self.check.state.log_base is not None
        found = list(bound(to_cp10k(block, self.check.state) if logged else block))
        return [_told(found[place]) for place in places.tolist()]

    def embed(self, zero_shot: ZeroShot) -> np.ndarray:
        """Points of all cells in the space that they share with texts, float32 (B, P) of length 1.

        Cells without ids become zeros, and a warning says how many they are.

        Parameters
        ----------
        zero_shot
            The model.

        Raises
        ------
        InputError
            As :meth:`blocks`.
        """
        width = zero_shot.model.config.projection_dim
        embedding_BP = np.zeros((self.source.n_obs, width), np.float32)
        for first, cells in self.blocks():
            embedding_BP[first : first + len(cells)] = zero_shot.embed(cells)
        warn_of_empty(embedding_BP)
        return embedding_BP


def _told(ids: np.ndarray) -> np.ndarray:
    # <cls> alone says nothing.
    return ids if len(ids) > 1 else ids[:0]


def warn_of_empty(embedding_BP: np.ndarray) -> None:
    """Say how many cells have no embedding; silent where all have one."""
    count = int((~embedding_BP.any(axis=1)).sum())
    if count:
        cells = "cell has" if count == 1 else "cells have"
        warnings.warn(
            f"{count:,} {cells} no gene that the model knows: the embedding is zero there.",
            stacklevel=3,
        )
