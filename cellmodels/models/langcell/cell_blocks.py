"""Cells in blocks of fixed shapes, so that no cell's numbers depend on the cells beside it."""

# Shapes: B cells of a block, L genes.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Kernels of matrix products are chosen by shape, and round differently: every block has as many
# rows, filled up where cells are missing, and cells of one block are of one padded length.
ROWS = 16
SHORTEST = 32


@dataclass(frozen=True)
class CellBlock:
    """Some cells of like length.

    Attributes
    ----------
    rows
        Their numbers among all cells.
    ids_BL, mask_BL
        Gene ids and 0 at padding; those beyond `rows` hold one id.
    """

    rows: np.ndarray
    ids_BL: Tensor
    mask_BL: Tensor


def cell_blocks(
    cells: Sequence[np.ndarray],
    *,
    pad_id: int,
    longest: int,
    size: int = ROWS,
    device: torch.device | str = "cpu",
) -> Iterator[CellBlock]:
    """All cells that have ids, those of like length together.

    Parameters
    ----------
    cells
        Ids of genes, strongest first; what is beyond `longest` is cut off.
    pad_id
        Fills up rows.
    longest
        Most ids that the model reads.
    size
        Rows of every block.
    device
        Where the tensors go.

    Examples
    --------
    >>> blocks = list(cell_blocks([np.array([9, 4]), np.array([9] * 40), np.array([9])],
    ...     pad_id=0, longest=64))
    >>> [(block.rows.tolist(), tuple(block.ids_BL.shape)) for block in blocks]
    [([0, 2], (16, 32)), ([1], (16, 40))]
    """
    lengths = np.array([min(len(ids), longest) for ids in cells], dtype=np.int64)
    padded = padded_lengths(lengths, longest)
    for length in np.unique(padded[lengths > 0]).tolist():
        same = np.flatnonzero((padded == length) & (lengths > 0))
        for start in range(0, len(same), size):
            rows = same[start : start + size]
            ids_BL = np.full((size, length), pad_id, dtype=np.int64)
            mask_BL = np.zeros((size, length), dtype=np.int64)
            mask_BL[:, 0] = 1
            for place, row in enumerate(rows.tolist()):
                ids_BL[place, : lengths[row]] = cells[row][: lengths[row]]
                mask_BL[place, : lengths[row]] = 1
            yield CellBlock(
                rows, torch.from_numpy(ids_BL).to(device), torch.from_numpy(mask_BL).to(device)
            )


def padded_lengths(lengths: np.ndarray, longest: int) -> np.ndarray:
    """The length that each cell is padded to: at most a quarter more, by its own length alone.

    Examples
    --------
    >>> padded_lengths(np.array([5, 33, 700, 2048]), 2048).tolist()
    [32, 40, 768, 2048]
    """
    at_least = np.maximum(lengths, SHORTEST)
    step = 2 ** np.maximum(np.floor(np.log2(at_least)).astype(np.int64) - 2, 0)
    return np.minimum(-(-at_least // step) * step, max(longest, 1))
