"""One class, or several yes-or-no labels, for a whole sequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch.nn import functional as F

from ...errors import InputError
from ..data.tables import LabelledRows
from .batches import model_inputs
from .labelled import LabelledObjective, LabelledSettings
from .objective import Head, Losses
from .token_losses import mean, token_losses

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ClassificationSettings(LabelledSettings):
    """Keys of `classification`: those of :class:`LabelledSettings`.

    One column of labels: any texts, one class a sequence. A list of columns: each 1, 0 or empty
    (unknown), several labels a sequence.
    """


class Classification(LabelledObjective):
    """Cross-entropy of classes, or of several labels; also logged: accuracy.

    Classes are those of the training rows, in the order of numbers or letters, never in that of a
    folder or file; they go into the model's configuration.
    """

    name: ClassVar[str] = "classification"
    head: ClassVar[Head] = "sequence-classification"
    Settings: ClassVar[type] = ClassificationSettings

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean over sequences; over known labels where there are several a sequence."""
        logits = model(**model_inputs(model, batch)).logits
        labels = batch["labels"]
        if labels.ndim == 1:
            found = token_losses(logits, labels)
            right = (logits.detach().argmax(-1) == labels).float().mean()
            return Losses(found.total, {"accuracy": right}, found.weight)
        known = ~labels.isnan()
        truth = labels.nan_to_num()
        scores = logits.float()
        each = F.binary_cross_entropy_with_logits(scores, truth, reduction="none") * known
        right = ((scores.detach() > 0) == (truth > 0.5)) & known
        weight = known.sum()
        return Losses(mean(each, weight), {"accuracy": mean(right.float(), weight)}, weight)

    def label_options(self) -> dict[str, Any]:
        """Number and names of the classes."""
        train, _ = self.rows()
        several = len(train.columns) > 1
        names = list(train.columns) if several else classes(row[0] for row in train.labels)
        kind = "multi_label_classification" if several else "single_label_classification"
        return class_options(names) | {"problem_type": kind}

    def encode_labels(self, rows: LabelledRows) -> list[np.ndarray]:
        """Class numbers, or 1, 0 and NaN."""
        if len(rows.columns) > 1:
            return [_yes_or_no(rows, number) for number in range(len(rows))]
        known = self.label_options()["label2id"]
        return [
            np.array(class_number(known, told[0], rows, number))
            for number, told in enumerate(rows.labels)
        ]


def classes(labels: Iterable[str]) -> list[str]:
    """The different labels, numbers by value and texts by letter.

    Examples
    --------
    >>> classes(["10", "9", "10"]), classes(["b", "a"])
    (['9', '10'], ['a', 'b'])
    """
    found = sorted(set(labels))
    try:
        return sorted(found, key=int)
    except ValueError:
        return found


def class_options(names: list[str]) -> dict[str, Any]:
    """What a configuration says of classes."""
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


def class_number(known: Mapping[str, int], label: str, rows: LabelledRows, number: int) -> int:
    """The number of a class.

    Raises
    ------
    InputError
        If no training row has it.
    """
    if label not in known:
        raise InputError(
            f"The label {label!r} does not occur in the training rows.",
            where=f"{rows.path}, {rows.names[number]}",
            fix=f"Correct it, or train with it; known: {', '.join(list(known)[:20])}.",
        )
    return known[label]


def _yes_or_no(rows: LabelledRows, number: int) -> np.ndarray:
    values = {"1": 1.0, "0": 0.0, "": np.nan, "1.0": 1.0, "0.0": 0.0}
    for name, told in zip(rows.columns, rows.labels[number], strict=True):
        if told not in values:
            raise InputError(
                f"The label {name} is {told!r}.",
                where=f"{rows.path}, {rows.names[number]}",
                fix="With several columns of labels, each is 1, 0 or empty.",
            )
    return np.array([values[told] for told in rows.labels[number]], dtype=np.float32)
