"""What one matrix of a file holds, decided from a sample of its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from .scale import Scale, find_scale, integer_log_base, is_whole, row_sums

USABLE = ("counts", "log1p_cp10k", "log1p_other", "linear")
TARGET = 1e4
_BASE_NAMES = {math.e: "natural", 2.0: "base-2", 10.0: "base-10"}


@dataclass(frozen=True, kw_only=True)
class MatrixState:
    """What a matrix holds.

    Parameters
    ----------
    matrix
        ``"X"``, ``"raw"`` or a layer's name.
    state
        ``"counts"``, ``"log1p_cp10k"``, ``"log1p_other"`` (another target sum or base, or sums
        that vary), ``"linear"`` (not logged, not integer), ``"scaled"`` (negative values),
        ``"empty"`` or ``"mixed"`` (counts in some cells, logs in others).
    n_vars
        Columns, antibody columns included.
    total_median
        Median over the sampled cells of the sum of linear values.
    target_sum
        What every cell sums to, None where sums vary.
    log_base
        Base of the logarithm to undo, None for linear values.
    minimum, maximum, zero_share
        Of the sampled values; of the finite ones where some are not.
    detail
        One sentence for the user.
    n_sampled, n_empty, n_nonfinite
        Cells looked at, all-zero cells among them, and NaN or infinite values in them.
    rounded
        Whether the values are logs that were rounded to integers.
    excluded
        Columns that are no genes (antibodies, hashtags); they count in no total.
    """

    matrix: str
    state: str
    n_vars: int
    total_median: float
    target_sum: float | None
    log_base: float | None
    minimum: float
    maximum: float
    zero_share: float
    detail: str
    n_sampled: int
    n_empty: int
    n_nonfinite: int = 0
    rounded: bool = False
    excluded: np.ndarray = field(
        default_factory=lambda: np.empty(0, dtype=np.int64), repr=False, compare=False
    )

    @property
    def usable(self) -> bool:
        """Whether it can be brought to log1p CP10k."""
        return self.state in USABLE and not self.n_nonfinite

    def to_dict(self) -> dict[str, Any]:
        """The findings, fit for JSON."""
        return {
            "matrix": self.matrix,
            "state": self.state,
            "n_vars": self.n_vars,
            "total_median": self.total_median,
            "target_sum": self.target_sum,
            "log_base": self.log_base,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "zero_share": self.zero_share,
            "detail": self.detail,
            "n_sampled": self.n_sampled,
            "n_empty": self.n_empty,
            "n_nonfinite": self.n_nonfinite,
            "rounded": self.rounded,
            "n_excluded": len(self.excluded),
        }


def matrix_state(
    matrix: str, sample: sp.csr_matrix, *, excluded: np.ndarray | None = None
) -> MatrixState:
    """Decide what a matrix holds.

    Parameters
    ----------
    matrix
        Its name, for the sentence.
    sample
        Some of its rows, shape ``[n_sampled, n_vars]``; spread them over the file, for files are
        often sorted by batch. It is not changed.
    excluded
        Columns to leave out: antibodies and the like.
    """
    n_vars = sample.shape[1]
    excluded = np.empty(0, dtype=np.int64) if excluded is None else np.asarray(excluded)
    values = sp.csr_matrix(sample, dtype=np.float32, copy=True)
    if len(excluded):
        values.data[np.isin(values.indices, excluded)] = 0
    bad = ~np.isfinite(values.data)
    values.data[bad] = 0
    values.eliminate_zeros()
    state = _decide(matrix, values)
    if bad.any():
        count = int(bad.sum())
        state = replace(
            state,
            n_nonfinite=count,
            detail=f"{matrix} holds {count:,} NaN or infinite values in {len_text(values)}.",
        )
    cells = values.shape[0] * max(n_vars - len(excluded), 1)
    return replace(
        state,
        n_vars=n_vars,
        zero_share=1 - values.nnz / cells if cells else 1.0,
        excluded=excluded,
    )


def len_text(values: sp.csr_matrix) -> str:
    """How many cells were looked at, in words."""
    return "1 sampled cell" if values.shape[0] == 1 else f"{values.shape[0]:,} sampled cells"


def _decide(matrix: str, values: sp.csr_matrix) -> MatrixState:
    if not values.nnz:
        detail = f"{matrix} holds nothing but zeros in {len_text(values)}."
        return _state(matrix, values, "empty", Scale(None, None), detail)
    minimum = float(values.data.min())
    if minimum < 0:
        detail = f"{matrix} holds scaled or corrected values (negative, down to {minimum:.3g})."
        return _state(matrix, values, "scaled", Scale(None, None), detail)
    fractional = _rows_with_fractions(values)
    share = fractional.sum() / np.count_nonzero(np.diff(values.indptr))
    if share == 0:
        return _whole_numbers(matrix, values)
    scale = find_scale(values[fractional])
    if share < 0.95 and scale.log_base is not None and _looks_mixed(values, fractional):
        detail = (
            f"{matrix} holds counts in about {1 - share:.0%} of the cells and logs in the others."
        )
        return _state(matrix, values, "mixed", Scale(None, None), detail)
    return _normalised(matrix, values, scale)


def _looks_mixed(values: sp.csr_matrix, fractional: np.ndarray) -> bool:
    # Integer rows among logs may be cells of few genes (log2 of 1, 3, 7): small numbers only.
    filled = np.diff(values.indptr) > 0
    whole = values[filled & ~fractional]
    if whole.shape[0] < 0.05 * filled.sum():
        return False
    return float(whole.data.max()) > max(10.0, float(values[fractional].data.max()))


def _rows_with_fractions(values: sp.csr_matrix) -> np.ndarray:
    broken = np.concatenate([[0], np.cumsum(~is_whole(values.data))])
    return broken[values.indptr[1:]] > broken[values.indptr[:-1]]


def _whole_numbers(matrix: str, values: sp.csr_matrix) -> MatrixState:
    base = integer_log_base(values)
    if base is None:
        median = float(np.median(row_sums(values)))
        detail = f"{matrix} holds raw counts (integers, median {median:,.0f} a cell)."
        return _state(matrix, values, "counts", Scale(None, None), detail)
    detail = (
        f"{matrix} holds {_BASE_NAMES[base]} logs rounded to integers (at most "
        f"{values.data.max():.0f}), not counts."
    )
    return _state(matrix, values, "log1p_other", Scale(base, None), detail, rounded=True)


def _normalised(matrix: str, values: sp.csr_matrix, scale: Scale) -> MatrixState:
    base, target = scale.log_base, scale.target
    if base is None:
        sums = "sums vary" if target is None else f"every cell sums to {target:,.0f}"
        detail = f"{matrix} holds normalised values that are not logged ({sums})."
        return _state(matrix, values, "linear", scale, detail)
    totals = row_sums(values, base)
    median = float(np.median(totals))
    if target is None:
        told = f"sums after undoing the log vary around {median:,.0f}"
        cp10k = False
    else:
        told = f"sums after undoing the log ~ {target:,.0f}"
        cp10k = base == math.e and abs(target / TARGET - 1) < 0.02
    kind = "log1p" if base == math.e else f"{_BASE_NAMES[base]} log"
    detail = f"{matrix} holds {kind} values ({told})."
    return _state(matrix, values, "log1p_cp10k" if cp10k else "log1p_other", scale, detail)


def _state(
    matrix: str,
    values: sp.csr_matrix,
    state: str,
    scale: Scale,
    detail: str,
    *,
    rounded: bool = False,
) -> MatrixState:
    totals = row_sums(values, scale.log_base)
    dense = values.nnz == values.shape[0] * values.shape[1]
    lowest = float(values.data.min()) if values.nnz else 0.0
    return MatrixState(
        matrix=matrix,
        state=state,
        n_vars=values.shape[1],
        total_median=float(np.median(totals)) if len(totals) else 0.0,
        target_sum=scale.target,
        log_base=scale.log_base,
        minimum=lowest if dense else min(0.0, lowest),
        maximum=float(values.data.max()) if values.nnz else 0.0,
        zero_share=0.0,
        detail=detail,
        n_sampled=values.shape[0],
        n_empty=int(np.count_nonzero(np.diff(values.indptr) == 0)),
        rounded=rounded,
    )
