"""Scores into probabilities, and a tissue into a prior."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.errors import UsageError
from cellmodels.annotate.calibration import Calibration, probabilities, tissue_prior


@pytest.fixture
def log_p() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.log(rng.dirichlet(np.full(30, 0.2), 50) + 1e-12).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_rows_sum_to_one(log_p: np.ndarray, temperature: float) -> None:
    p = probabilities(log_p, temperature, np.zeros(30))
    assert p.shape == log_p.shape and (p >= 0).all()
    # Each of the 30 is rounded to five digits.
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=30 * 5e-6 + 1e-6)


def test_temperature_one_without_a_prior_changes_nothing(log_p: np.ndarray) -> None:
    np.testing.assert_allclose(probabilities(log_p, 1.0, np.zeros(30)), np.exp(log_p), atol=1e-4)


def test_a_higher_temperature_is_less_sure_and_keeps_the_order(log_p: np.ndarray) -> None:
    sure, unsure = (probabilities(log_p, t, np.zeros(30)) for t in (1.0, 3.0))
    assert (unsure.max(axis=1) <= sure.max(axis=1) + 1e-5).all()
    assert unsure.max(axis=1).mean() < sure.max(axis=1).mean() - 0.05
    np.testing.assert_array_equal(unsure.argmax(axis=1), log_p.argmax(axis=1))


def test_a_prior_of_minus_infinity_excludes_a_class(log_p: np.ndarray) -> None:
    prior = np.zeros(30)
    prior[::2] = -np.inf
    p = probabilities(log_p, 1.0, prior)
    assert (p[:, ::2] == 0).all() and np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=2e-4)


def test_a_prior_is_odds(log_p: np.ndarray) -> None:
    prior = np.zeros(30)
    prior[3] = np.log(10)
    plain, given = (probabilities(log_p, 1.0, one).astype(float) for one in (np.zeros(30), prior))
    rows = (plain[:, 3] > 0.01) & (plain[:, 3] < 0.9)
    odds = [p[rows, 3] / (1 - p[rows, 3]) for p in (plain, given)]
    assert rows.any()
    np.testing.assert_allclose(odds[1] / odds[0], 10, rtol=0.01)


def test_a_row_does_not_depend_on_other_rows(log_p: np.ndarray) -> None:
    whole = probabilities(log_p, 1.7, np.zeros(30))
    for row in range(len(log_p)):
        np.testing.assert_array_equal(
            probabilities(log_p[row : row + 1], 1.7, np.zeros(30)), whole[row : row + 1]
        )


def test_scores_are_not_changed_in_place(log_p: np.ndarray) -> None:
    before = log_p.copy()
    probabilities(log_p, 1.0, np.zeros(30))
    np.testing.assert_array_equal(log_p, before)


def test_tissue_prior_spares_what_lives_there() -> None:
    tissues = (("liver",), ("brain", "retina"), ("any",), ("blood", "liver"))
    prior, name = tissue_prior(tissues, "liver", -3.0)
    assert prior.tolist() == [0.0, -3.0, 0.0, 0.0]
    assert name == "liver"


def test_tissue_prior_knows_parts_and_wholes() -> None:
    tissues = (("brain",), ("liver",), ("cerebral cortex",))
    prior, _ = tissue_prior(tissues, "cerebral cortex", -3.0)
    assert prior.tolist() == [0.0, -3.0, 0.0]
    assert tissue_prior(tissues, "brain", -2.0)[0].tolist() == [0.0, -2.0, 0.0]


def test_no_tissue_is_no_prior() -> None:
    for wanted in (None, ""):
        prior, name = tissue_prior((("liver",), ("brain",)), wanted, -3.0)
        assert prior.tolist() == [0.0, 0.0] and name == ""


def test_unknown_tissue_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="livver") as caught:
        tissue_prior((("liver",),), "livver xyz", -3.0)
    assert caught.value.where == "--tissue" and caught.value.fix


def test_calibration_reads_what_a_config_gives_and_no_other_name() -> None:
    config = {"calibration": {"temperature_cell": 2.5, "threshold": 0.4}}
    found = Calibration.from_config(config)
    assert (found.temperature_cell, found.threshold) == (2.5, 0.4)
    assert found.least_genes == Calibration().least_genes
    with pytest.raises(TypeError):
        Calibration.from_config({"calibration": {"temprature": 1.0}})
