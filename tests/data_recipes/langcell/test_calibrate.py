"""Weights and temperatures of a trained LangCell come out as they went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.langcell.calibrate import fit_temperature, fit_weight, write_calibration

from cellmodels.models.langcell.folder import LangCellFolder
from cellmodels.models.langcell.zero_shot_settings import ZeroShotSettings

CELLS, CLASSES = 4000, 6


def drawn(temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too sure by a temperature, and the classes that were drawn by them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (CELLS, CLASSES))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) > rng.random((CELLS, 1))).argmax(axis=1)
    right = np.arange(CLASSES) == truth[:, None]
    return temperature * np.log(p), right


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    log_p, right = drawn(temperature)
    assert fit_temperature(log_p, right)[0] == temperature


def test_rows_without_a_right_class_do_not_count() -> None:
    log_p, right = drawn(2.1)
    right[::2] = False
    assert fit_temperature(log_p, right)[0] == 2.1


def test_matching_that_helps_gets_its_weight_and_one_that_does_not_gets_none() -> None:
    similarity, right = drawn(1.0)
    helpful = 2.0 * right.astype(float)
    noise = np.random.default_rng(1).normal(0, 3, similarity.shape)

    def scores(match: np.ndarray):
        return lambda settings: similarity + settings.weight * match

    assert fit_weight(scores(helpful), right)[0].weight == 2.0
    settings, temperature = fit_weight(scores(noise), right)
    assert settings == ZeroShotSettings(most=1, weight=0.0)
    assert temperature == 1.0


def test_what_is_written_is_what_annotate_reads(tiny_langcell: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(tiny_langcell, tmp_path / "model")
    settings = ZeroShotSettings(most=4, weight=0.5, states=100)
    write_calibration(folder, settings, {"temperature_cell": 1.45, "threshold": 0.4})
    found = LangCellFolder.open(folder)
    assert found.settings == settings
    assert found.calibration == {"temperature_cell": 1.45, "threshold": 0.4}
