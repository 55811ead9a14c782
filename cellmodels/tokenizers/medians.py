"""Medians of what each gene's cells hold, over corpora of any size.

A float32 above zero grows with its bits read as a number. The first pass counts the values of each
gene by the upper 11 of those bits: eight bins an octave. The second splits the one bin that holds
the gene's lower middle value by the next eight bits, and notes the smallest value above it.

Legend: N cells, G genes, B bins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from biosequence.errors import InputError
from biosequence.kernels.compiling import compiled

_BINS = 256
_COARSE, _FINE = 20, 12  # lower bits that the two passes leave out
# 256 bins from 2**-16 to 2**16: ten thousandths of a cell are at most 10,000, and a cell of fewer
# than 2**29 molecules has none below.
_LEAST = (127 - 16) << 3

Blocks = Callable[[], Iterable[sp.csr_matrix]]


@dataclass(frozen=True)
class NonzeroMedians:
    """The medians of a corpus.

    Parameters
    ----------
    medians_G
        Median of each gene over the cells that have it, float64; NaN for a gene that none has.
    cells_G
        How many cells have it, int64.
    num_cells
        Cells of the corpus.
    """

    medians_G: np.ndarray
    cells_G: np.ndarray
    num_cells: int


def nonzero_medians(blocks: Blocks, num_genes: int) -> NonzeroMedians:
    """Median of each gene over its non-zero values, in two passes of bounded memory.

    A middle value is given to within 2**-12 (0.025 %) of itself; where the number of cells is even
    the median is the mean of two such. It takes some 4 KiB a gene, however many cells there are.

    Parameters
    ----------
    blocks
        Starts the stream of row blocks anew: cells in ten thousandths (CP10k), shape
        ``[rows, num_genes]``, each entry stored once; called twice.
    num_genes
        Columns of each block.

    Raises
    ------
    InputError
        If the second stream is not the first.

    Examples
    --------
    >>> rows = sp.csr_matrix([[1.0, 0.0], [4.0, 2.0], [9.0, 0.0]])
    >>> found = nonzero_medians(lambda: [rows], 2)
    >>> found.medians_G.round(2).tolist(), found.cells_G.tolist()
    ([4.0, 2.0], [3, 1])
    """
    coarse_GB = np.zeros((num_genes, _BINS), dtype=np.uint32)
    num_cells = 0
    for block_NG in blocks():
        num_cells += block_NG.shape[0]
        _count_coarse(block_NG.data.astype(np.float32), block_NG.indices, coarse_GB)
    cells_G = coarse_GB.sum(1, dtype=np.int64)
    window_G, before_G = _bin_of(coarse_GB, (cells_G - 1) // 2)
    fine_GB = np.zeros((num_genes, _BINS), dtype=np.uint32)
    above_G = np.full(num_genes, np.inf, dtype=np.float32)
    for block_NG in blocks():
        values = block_NG.data.astype(np.float32)
        _count_fine(values, block_NG.indices, window_G, fine_GB, above_G)
    inside_G = np.take_along_axis(coarse_GB, window_G[:, None], 1)[:, 0]
    if not np.array_equal(fine_GB.sum(1), inside_G):
        raise InputError(
            "The cells changed between the two passes over them.",
            where="medians of a corpus",
            fix="Run it again while nothing writes to the files.",
        )
    return NonzeroMedians(
        _medians(cells_G, window_G, before_G, fine_GB, above_G), cells_G, num_cells
    )


def _bin_of(counts_GB: np.ndarray, rank_G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bin in which the value of a rank lies, and how many values lie in those before it."""
    sums_GB = np.cumsum(counts_GB, axis=1, dtype=np.int64)
    bin_G = np.minimum((sums_GB <= rank_G[:, None]).sum(1), _BINS - 1)
    at_G = np.arange(len(bin_G))
    return bin_G, sums_GB[at_G, bin_G] - counts_GB[at_G, bin_G]


def _medians(
    cells_G: np.ndarray,
    window_G: np.ndarray,
    before_G: np.ndarray,
    fine_GB: np.ndarray,
    above_G: np.ndarray,
) -> np.ndarray:
    middles = []
    for rank_G in ((cells_G - 1) // 2, cells_G // 2):
        inside_G = rank_G - before_G
        piece_G, _ = _bin_of(fine_GB, inside_G)
        beyond_G = inside_G >= fine_GB.sum(1)
        middles.append(np.where(beyond_G, above_G, _value(window_G, piece_G)))
    return np.where(cells_G > 0, (middles[0].astype(np.float64) + middles[1]) / 2, np.nan)


def _value(window_G: np.ndarray, piece_G: np.ndarray) -> np.ndarray:
    """The value in the middle of a piece of a bin."""
    bits_G = ((window_G + _LEAST) << _COARSE) + (piece_G << _FINE) + (1 << (_FINE - 1))
    return bits_G.astype(np.uint32).view(np.float32)


@compiled
def _count_coarse(values, genes, coarse_GB):
    bits = values.view(np.uint32)
    for place in range(len(values)):
        if values[place] > 0:
            bin_ = min(max(np.int64(bits[place] >> _COARSE) - _LEAST, 0), _BINS - 1)
            coarse_GB[genes[place], bin_] += 1


@compiled
def _count_fine(values, genes, window_G, fine_GB, above_G):
    bits = values.view(np.uint32)
    for place in range(len(values)):
        if values[place] > 0:
            gene = genes[place]
            bin_ = min(max(np.int64(bits[place] >> _COARSE) - _LEAST, 0), _BINS - 1)
            if bin_ == window_G[gene]:
                fine_GB[gene, np.int64(bits[place] >> _FINE) & (_BINS - 1)] += 1
            elif bin_ > window_G[gene] and values[place] < above_G[gene]:
                above_G[gene] = values[place]
