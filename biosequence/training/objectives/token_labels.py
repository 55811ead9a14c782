"""A class for each token, for instance secondary structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...errors import UsageError
from ..data.tables import LabelledRows
from .batches import IGNORED, model_inputs
from .classification import class_number, class_options, classes
from .labelled import LabelledObjective, LabelledSettings
from .objective import Head, Losses
from .token_losses import mean, token_losses

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class TokenClassificationSettings(LabelledSettings):
    """Keys of `token-classification`: those of :class:`LabelledSettings`.

    The label of a sequence is a text with one letter a token.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.label is not None and not isinstance(self.label, str):
            raise UsageError(
                "Labels of tokens are in one column.",
                where="[objective], key label",
                fix="Name one column.",
            )


class TokenClassification(LabelledObjective):
    """Cross-entropy of each token's class; also logged: accuracy."""

    name: ClassVar[str] = "token-classification"
    head: ClassVar[Head] = "token-classification"
    Settings: ClassVar[type] = TokenClassificationSettings
    per_token: ClassVar[bool] = True

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean over tokens."""
        logits, labels = model(**model_inputs(model, batch)).logits, batch["labels"]
        found = token_losses(logits, labels)
        right = (logits.detach().argmax(-1) == labels) & (labels != IGNORED)
        return Losses(found.total, {"accuracy": mean(right.float(), found.weight)}, found.weight)

    def label_options(self) -> dict[str, Any]:
        """Number and names of the classes."""
        train, _ = self.rows()
        return class_options(classes({letter for row in train.labels for letter in row[0]}))

    def encode_labels(self, rows: LabelledRows) -> list[np.ndarray]:
        """Class numbers, one a token."""
        known = self.label_options()["label2id"]
        return [
            np.array([class_number(known, letter, rows, number) for letter in told[0]])
            for number, told in enumerate(rows.labels)
        ]
