"""Row blocks brought to CP10k and log1p CP10k, each row by itself."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from biosequence.errors import InputError

from .state import TARGET, USABLE, MatrixState


def to_cp10k(block: sp.csr_matrix, state: MatrixState) -> sp.csr_matrix:
    """Linear values that sum to 10,000 in each cell.

    Parameters
    ----------
    block
        Rows as the matrix holds them, float32 CSR, shape ``[n, n_vars]``; it is not changed.
    state
        What the matrix holds, from `check_input`.

    Returns
    -------
    Float32 CSR of the same shape. All-zero rows stay zero; columns in ``state.excluded`` are
    zero. A row depends on that row only, so blocks of any size give the same bits.

    Raises
    ------
    InputError
        When the state cannot be normalised: scaled, mixed or empty.
    """
    if state.state not in USABLE:
        raise InputError(state.detail, fix="-> choose another matrix with --layer NAME")
    data = block.data.astype(np.float32, copy=True)
    if state.log_base is not None:
        if state.log_base != math.e:
            data *= np.float32(math.log(state.log_base))
        np.expm1(data, out=data)
    if len(state.excluded):
        data[np.isin(block.indices, state.excluded)] = 0
    result = sp.csr_matrix((data, block.indices, block.indptr), shape=block.shape)
    # Sparse times ones adds a row's values one after another in float64: no block size shows in it.
    totals = result @ np.ones(block.shape[1], dtype=np.float64)
    factors = np.divide(TARGET, totals, out=np.zeros_like(totals), where=totals > 0)
    data *= np.repeat(factors.astype(np.float32), np.diff(block.indptr))
    return result


def to_log1p_cp10k(block: sp.csr_matrix, state: MatrixState) -> sp.csr_matrix:
    """``log(1 + x)`` of values that sum to 10,000 in each cell.

    Columns that bear the same gene add up in the linear domain: take `to_cp10k`, project, then
    apply ``log1p`` where that matters. Parameters and errors as in `to_cp10k`.
    """
    result = to_cp10k(block, state)
    np.log1p(result.data, out=result.data)
    return result


def check_block(block: sp.csr_matrix, *, first_row: int = 0, where: str = "") -> None:
    """Pass over finite, non-negative values; cheap enough for every block of a stream.

    Parameters
    ----------
    block
        Rows of the matrix, shape ``[n, n_vars]``.
    first_row
        Row number of the block's first row in the file, for the message.
    where
        The file, for the message.

    Raises
    ------
    InputError
        When a value is NaN, infinite or negative.
    """
    if not block.nnz:
        return
    lowest, highest = block.data.min(), block.data.max()  # NaN comes through both
    if lowest >= 0 and highest < np.inf:
        return
    finite = np.isfinite(block.data)
    bad = ~finite if not finite.all() else block.data < 0
    kind = "NaN or infinite" if not finite.all() else "negative"
    row = first_row + int(np.searchsorted(block.indptr, np.flatnonzero(bad)[0], side="right")) - 1
    count = int(bad.sum())
    counted = "A value is" if count == 1 else f"{count:,} values are"
    msg = f"{counted} {kind}, the first in cell {row + 1:,}."
    raise InputError(msg, where=where, fix=NONFINITE_FIX if kind != "negative" else SCALED_FIX)


NONFINITE_FIX = (
    "-> set them to zero or drop those cells, e.g. X.data[~numpy.isfinite(X.data)] = 0, and rerun"
)
SCALED_FIX = "-> choose a matrix without negative values with --layer NAME"
