"""A number, or several, for a whole sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...errors import InputError
from ..data.tables import LabelledRows
from .batches import model_inputs
from .labelled import LabelledObjective, LabelledSettings
from .objective import Head, Losses
from .token_losses import mean

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class RegressionSettings(LabelledSettings):
    """Keys of `regression`: those of :class:`LabelledSettings`.

    Each column of labels holds numbers; with several columns, empty ones are unknown.
    """


class Regression(LabelledObjective):
    """Mean squared error of standardised numbers.

    Mean and standard deviation of the training rows go into the model's configuration as
    `label_mean` and `label_std`, so that :func:`in_units` gives predictions back in units.
    """

    name: ClassVar[str] = "regression"
    head: ClassVar[Head] = "sequence-classification"
    Settings: ClassVar[type] = RegressionSettings

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean over the numbers that are known, in standard deviations."""
        logits = model(**model_inputs(model, batch)).logits.float()
        known = ~batch["labels"].isnan()
        each = (logits - batch["labels"].nan_to_num()).square() * known
        weight = known.sum()
        return Losses(mean(each, weight), {}, weight)

    def label_options(self) -> dict[str, Any]:
        """Number and names of the columns, their means and standard deviations."""
        train, _ = self.rows()
        values = _numbers(train)
        std = np.nanstd(values, axis=0)
        return {
            "num_labels": len(train.columns),
            "id2label": dict(enumerate(train.columns)),
            "label2id": {name: number for number, name in enumerate(train.columns)},
            "problem_type": "regression",
            "label_mean": np.nanmean(values, axis=0).tolist(),
            "label_std": np.where(std > 0, std, 1.0).tolist(),
        }

    def encode_labels(self, rows: LabelledRows) -> list[np.ndarray]:
        """Standardised numbers, NaN where unknown."""
        options = self.label_options()
        mean_, std = np.array(options["label_mean"]), np.array(options["label_std"])
        return list(((_numbers(rows) - mean_) / std).astype(np.float32))


def in_units(logits: Tensor, config: Any) -> Tensor:
    """Predictions of a regression model in the units of its training table.

    Parameters
    ----------
    logits
        (rows, labels), as the model gives them.
    config
        The model's configuration; one without `label_mean` predicts in units already.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> config = SimpleNamespace(label_mean=[10.0], label_std=[2.0])
    >>> in_units(torch.tensor([[0.5]]), config).tolist()
    [[11.0]]
    """
    if getattr(config, "label_mean", None) is None:
        return logits
    return logits * logits.new_tensor(config.label_std) + logits.new_tensor(config.label_mean)


def _numbers(rows: LabelledRows) -> np.ndarray:
    """The labels, float64 of shape (rows, columns), NaN where empty."""
    found = np.full((len(rows), len(rows.columns)), np.nan)
    for number, told in enumerate(rows.labels):
        for column, text in enumerate(told):
            if not text:
                continue
            try:
                found[number, column] = float(text)
            except ValueError:
                pass
            if not np.isfinite(found[number, column]):
                raise InputError(
                    f"The label {rows.columns[column]} is {text!r}, which is no number.",
                    where=f"{rows.path}, {rows.names[number]}",
                    fix="Correct it, leave the row out, or use the objective classification.",
                )
    silent = np.isnan(found).all(axis=0)
    if silent.any():
        raise InputError(
            f"The column {rows.columns[int(silent.argmax())]!r} has no number at all.",
            where=str(rows.path),
            fix="Name another column of labels.",
        )
    return found
