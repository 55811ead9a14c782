"""Training LangCell: a corpus of cells and texts, the four losses, and labels of cells.

Using any name of this package makes the objectives `langcell`, `cell-classification` and
`cell-identification` known to recipes; the command line does so by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classification import (
        CellClassification,
        CellClassificationSettings,
        CellLabelSettings,
    )
    from .corpus import CorpusSummary, write_cell_corpus
    from .data import CellTexts
    from .encoding import Reading
    from .few_shot import train_few_shot
    from .identification import CellIdentification
    from .objective import LangCellObjective
    from .settings import LangCellSettings
    from .texts import CellText, texts_of_labels

_HOMES = {
    "CellClassification": "classification",
    "CellClassificationSettings": "classification",
    "CellIdentification": "identification",
    "CellLabelSettings": "classification",
    "CellText": "texts",
    "CellTexts": "data",
    "CorpusSummary": "corpus",
    "LangCellObjective": "objective",
    "LangCellSettings": "settings",
    "Reading": "encoding",
    "texts_of_labels": "texts",
    "train_few_shot": "few_shot",
    "write_cell_corpus": "corpus",
}

__all__ = [
    "CellClassification",
    "CellClassificationSettings",
    "CellIdentification",
    "CellLabelSettings",
    "CellText",
    "CellTexts",
    "CorpusSummary",
    "LangCellObjective",
    "LangCellSettings",
    "Reading",
    "texts_of_labels",
    "train_few_shot",
    "write_cell_corpus",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from cellmodels.models import register_objectives

    register_objectives()
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
