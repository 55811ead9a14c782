"""What a trained LangCell's scores are worth: its weight of matching and its temperatures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from biosequence.atomic import atomic_path
from cellmodels.models.langcell.folder import CALIBRATION
from cellmodels.models.langcell.zero_shot_settings import ZeroShotSettings

from ..default_model.calibrate import Evidence, loss

# Shapes: N held-out cells, C classes.

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)
TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.45, 2.1, 3.0, 4.5)


def fit_temperature(log_p_NC: np.ndarray, right_NC: np.ndarray) -> tuple[float, float]:
    """The temperature with the least loss on held-out rows, and that loss.

    Parameters
    ----------
    log_p_NC
        Uncalibrated log probabilities of cells, or of clusters.
    right_NC
        Classes that are right for each row; rows without any are left out.

    Examples
    --------
    >>> sure = np.log(np.array([[0.9, 0.1]] * 10))
    >>> right = np.array([[True, False]] * 6 + [[False, True]] * 4)
    >>> fit_temperature(sure, right)[0]
    4.5
    """
    known_N = right_NC.any(axis=1)
    none_NC = np.zeros_like(log_p_NC[known_N])
    evidence = Evidence(log_p_NC[known_N], none_NC, none_NC, right_NC[known_N])
    found = [(loss(evidence, 0.0, 0.0, one)[0], one) for one in TEMPERATURES]
    least, temperature = min(found)
    return temperature, least


def fit_weight(
    score: Callable[[ZeroShotSettings], np.ndarray],
    right_NC: np.ndarray,
    *,
    most: int = 3,
    weights: Sequence[float] = WEIGHTS,
) -> tuple[ZeroShotSettings, float]:
    """The weight of matching with the least loss at its own best temperature, and that temperature.

    Parameters
    ----------
    score
        Scores of the held-out cells with these settings, (N, C).
    right_NC
        As :func:`fit_temperature`.
    most
        Candidates of a cell that are matched.
    weights
        What is tried.
    """
    found = []
    for weight in weights:
        settings = ZeroShotSettings(most=most if weight else 1, weight=weight)
        temperature, least = fit_temperature(score(settings), right_NC)
        found.append((least, weight, settings, temperature))
    _, _, settings, temperature = min(found, key=lambda one: one[:2])
    return settings, temperature


def write_calibration(
    folder: Path, settings: ZeroShotSettings, calibration: dict[str, Any]
) -> None:
    """Put both into the folder of the model, where `bioseq annotate` reads them.

    Parameters
    ----------
    folder
        The model.
    settings
        How it is asked.
    calibration
        Fields of :class:`cellmodels.annotate.calibration.Calibration`.
    """
    stored = {"zero_shot": asdict(settings), "calibration": calibration}
    with atomic_path(folder / CALIBRATION) as partial:
        partial.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
