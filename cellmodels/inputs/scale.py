"""Is it logged, to which base, and to which sum per cell? Arithmetic on a sample of rows.

Three kinds of evidence, the strongest first:

1. *Constant sums.* Undo a logarithm; if every cell now sums to the same, base and target are
   known.
2. *Whole numbers.* Undo a logarithm and divide each cell by its smallest value; what was made from
   counts is near-integer now, under the right base only. It survives gene selection and size
   factors.
3. *Range.* Logs of sensible totals stay below 25, linear values rarely do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

BASES = (math.e, 2.0, 10.0)
SPREAD = 0.02  # of sums between the 10th and 90th percentile, relative to the median: "constant"
WHOLE_SHARE = 0.8
LOG_CEILING = 25.0  # log2 of 3e7; no cell has that many molecules
INTEGER_LOG_CEILING = 15.0
_ROUND_TARGETS = (1e4, 1e6)


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values came about: ``log_base`` None for linear, ``target`` None where sums vary."""

    log_base: float | None
    target: float | None


def linearised(values: np.ndarray, base: float | None) -> np.ndarray:
    """Values with ``log_base(1 + x)`` undone, in float64."""
    values = np.asarray(values, dtype=np.float64)
    if base is None:
        return values
    # Values beyond any log would overflow; they are no evidence for this base anyway.
    return np.expm1(np.minimum(values, 300.0 / math.log(base)) * math.log(base))


def row_sums(sample: sp.csr_matrix, base: float | None = None) -> np.ndarray:
    """Sums of the rows that hold something, with the logarithm undone; shape ``[n_nonempty]``."""
    starts = _starts(sample)
    return np.add.reduceat(linearised(sample.data, base), starts) if len(starts) else np.empty(0)


def is_whole(values: np.ndarray) -> np.ndarray:
    """Which values are integers, up to float32's rounding."""
    values = np.asarray(values, dtype=np.float64)
    return np.abs(values - np.rint(values)) <= 1e-6 * np.maximum(1.0, np.abs(values))


def find_scale(sample: sp.csr_matrix) -> Scale:
    """The likeliest origin of non-negative, non-integer values.

    Parameters
    ----------
    sample
        Rows of the matrix without stored zeros, shape ``[n_sampled, n_vars]``.
    """
    maximum = float(sample.data.max())
    hypotheses = [*BASES, None] if maximum <= LOG_CEILING else [None]
    for base in hypotheses:
        target = constant_sum(row_sums(sample, base))
        if target is not None:
            return Scale(base, target)
    shares = [_whole_share(sample, base) for base in hypotheses]
    best = int(np.argmax(shares))
    if shares[best] >= WHOLE_SHARE:
        return Scale(hypotheses[best], None)
    return Scale(hypotheses[0], None)


def constant_sum(sums: np.ndarray) -> float | None:
    """The sum that the cells share, or None; a lone cell must hit a customary target."""
    middle = float(np.median(sums))
    if len(sums) < 3:
        near = [goal for goal in _ROUND_TARGETS if np.all(np.abs(sums / goal - 1) < 0.005)]
        return near[0] if near else None
    low, high = np.percentile(sums, (10, 90))
    return middle if high - low <= SPREAD * middle else None


def integer_log_base(sample: sp.csr_matrix) -> float | None:
    """The base of logs that somebody rounded to integers; None for counts.

    Whole numbers of at most 15 are taken for rounded logs when

    - half of the cells have no one in them: counts so small always have, whereas in a log the
      smallest count of a shallow cell lies near 2 or above;
    - or, over at least 20 cells, undoing the log brings the cells' sums together, where those of
      counts fly apart: a relative deviation below 0.35 and well below that of the plain sums, or
      only below it if twos are commoner than ones.

    Matrices of zeros, ones and twos stay counts: there is nothing to tell them by.
    """
    if not 3 <= sample.data.max() <= INTEGER_LOG_CEILING:
        return None
    plain = row_sums(sample)
    deviations = {base: _deviation(row_sums(sample, base)) for base in BASES}
    best = min(BASES, key=deviations.__getitem__)
    ones, twos = (np.count_nonzero(np.rint(sample.data) == value) for value in (1, 2))
    ceiling = _deviation(plain) if twos > ones else min(0.35, 0.7 * _deviation(plain))
    together = len(plain) >= 20 and deviations[best] < ceiling
    smallest = np.minimum.reduceat(sample.data, _starts(sample))
    if not together and (np.median(smallest) < 2 or sample.nnz < 20):
        return None
    # Natural logs are by far the commonest: another base has to fit clearly better.
    return math.e if deviations[math.e] <= 1.4 * deviations[best] else best


def _whole_share(sample: sp.csr_matrix, base: float | None) -> float:
    """Share of values that are whole multiples of their row's smallest, among telling ones."""
    starts = _starts(sample)
    values = linearised(sample.data, base)
    smallest = np.minimum.reduceat(values, starts)
    lengths = np.diff(np.append(starts, len(values)))
    ratios = values / np.repeat(smallest, lengths)
    telling = ratios[(ratios > 1.5) & (ratios < 50)]
    if len(telling) < 20:
        return 0.0
    return float(np.mean(np.abs(telling - np.rint(telling)) < 0.05))


def _deviation(sums: np.ndarray) -> float:
    return float(np.std(sums) / np.mean(sums))


def _starts(sample: sp.csr_matrix) -> np.ndarray:
    return sample.indptr[:-1][np.diff(sample.indptr) > 0]
