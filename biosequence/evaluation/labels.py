"""Which id of a model is which label of a table: by name, never by order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError

# What transformers calls a label that nobody named; its number is the label of the table.
_UNNAMED = re.compile(r"LABEL_([0-9]+)")


@dataclass(frozen=True)
class LabelMap:
    """Labels in one order for all models and tables: numbers by size, then names by alphabet.

    Parameters
    ----------
    names
        The labels in that order.

    Examples
    --------
    >>> LabelMap.of(["10", "2", "2"]).names
    ('2', '10')
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, labels: Iterable[str]) -> LabelMap:
        """The map of these labels."""
        return cls(tuple(sorted(set(labels), key=_order)))

    def __len__(self) -> int:
        return len(self.names)

    def ids(self, labels: Sequence[str]) -> np.ndarray:
        """(N,) number of each label in the order of the map."""
        numbers = {name: number for number, name in enumerate(self.names)}
        return np.array([numbers[label] for label in labels], dtype=np.int64)

    def columns(self, model_labels: Mapping[int, str]) -> np.ndarray:
        """(K,) the model's id for each label of the map."""
        own = {name: number for number, name in model_labels.items()}
        return np.array([own[name] for name in self.names], dtype=np.int64)


def model_labels(config: Any, where: str) -> dict[int, str]:
    """Label of each id of a classifier; `LABEL_3`, which transformers makes up, reads as `3`.

    Raises
    ------
    ModelError
        The configuration says nothing of labels, or calls two ids alike.
    """
    found = {int(number): str(name) for number, name in (config.id2label or {}).items()}
    if all(_UNNAMED.fullmatch(name) for name in found.values()):
        found = {number: name.removeprefix("LABEL_") for number, name in found.items()}
    if len(found) < 2 or len(set(found.values())) != len(found):
        raise ModelError(
            f"The model's labels are not clear: {found}.",
            where=f"{where}, id2label of config.json",
            fix="Name the label of each id there, as in the table that it was trained with.",
        )
    return found


def match_labels(table: Iterable[str], config: Any, where: str) -> LabelMap:
    """The labels of a table and a model, which must be the same.

    Raises
    ------
    ModelError
        They are not.
    """
    mine, own = LabelMap.of(table), LabelMap.of(model_labels(config, where).values())
    if mine == own:
        return own
    raise ModelError(
        f"The table's labels are {_short(mine)}, the model's are {_short(own)}.",
        where=f"{where}, id2label of config.json",
        fix="Give the table that the model was fine-tuned for, or write its labels into id2label.",
    )


def _order(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def _short(labels: LabelMap) -> str:
    return ", ".join(labels.names[:8]) + (", ..." if len(labels) > 8 else "")
