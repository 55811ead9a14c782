"""The exponentials of the compiled loops are right to single precision."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.kernels import exponentials
from biosequence.kernels.compiling import compiled

X = np.concatenate([np.linspace(-100, 100, 20001), np.geomspace(1e-8, 1, 200)]).astype(np.float32)


@compiled
def _all(x, exp, sigmoid, tanh, log_sigmoid):
    for j in range(len(x)):
        exp[j], sigmoid[j] = exponentials.exp(x[j]), exponentials.sigmoid(x[j])
        tanh[j], log_sigmoid[j] = exponentials.tanh(x[j]), exponentials.log_sigmoid(x[j])


def found(x: np.ndarray) -> dict[str, np.ndarray]:
    names = ("exp", "sigmoid", "tanh", "log_sigmoid")
    rows = {name: np.empty_like(x) for name in names}
    _all(x, *rows.values())
    return rows


TRUE = {
    "exp": np.exp,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "log_sigmoid": lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
}


@pytest.mark.parametrize("name", TRUE)
def test_values_are_right_to_single_precision(name: str) -> None:
    inside = X[np.abs(X) < 80]
    wanted = TRUE[name](inside.astype(np.float64))
    # 2^(x log2 e) inherits the rounding of its exponent: up to 80 units of the last place.
    within = 6e-6 if name in ("exp", "sigmoid", "log_sigmoid") else 4e-7
    np.testing.assert_allclose(found(inside)[name], wanted, rtol=within, atol=1e-30)
    near = inside[np.abs(inside) < 5]
    wanted = TRUE[name](near.astype(np.float64))
    np.testing.assert_allclose(found(near)[name], wanted, rtol=7e-7)


def test_far_out_they_stay_finite_and_a_nan_stays() -> None:
    far = np.array([-np.inf, -3e38, -100, 100, 3e38], np.float32)
    rows = found(far)
    assert np.isfinite(rows["sigmoid"]).all()
    assert rows["tanh"].tolist() == [-1, -1, -1, 1, 1]
    assert rows["exp"][0] < 1e-37
    spoiled = found(np.full(40, np.nan, np.float32))
    assert all(np.isnan(row).all() for row in spoiled.values())
