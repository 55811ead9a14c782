"""LangCell: a dual encoder of cells and texts that reads a text while looking at a cell.

Using any name of this package registers its models with transformers' Auto classes. So does the
import itself where transformers was imported before.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .configuration_langcell import LangCellConfig, LangCellTextConfig
    from .convert_langcell import bundle_tensors, convert_bundle, save_bundle
    from .geneformer import convert_geneformer
    from .modeling_langcell import (
        LangCellForPreTraining,
        LangCellForSequenceClassification,
        LangCellModel,
    )
    from .outputs import CellEncoding, LangCellOutput, TextEncoding
    from .processing_langcell import LangCellProcessor
    from .zero_shot import ZeroShot
    from .zero_shot_settings import ZeroShotSettings

_HOMES = {
    "CellEncoding": "outputs",
    "LangCellConfig": "configuration_langcell",
    "LangCellForPreTraining": "modeling_langcell",
    "LangCellForSequenceClassification": "modeling_langcell",
    "LangCellModel": "modeling_langcell",
    "LangCellOutput": "outputs",
    "LangCellProcessor": "processing_langcell",
    "LangCellTextConfig": "configuration_langcell",
    "TextEncoding": "outputs",
    "ZeroShot": "zero_shot",
    "ZeroShotSettings": "zero_shot_settings",
    "bundle_tensors": "convert_langcell",
    "convert_bundle": "convert_langcell",
    "convert_geneformer": "geneformer",
    "save_bundle": "convert_langcell",
}

__all__ = [
    "CellEncoding",
    "LangCellConfig",
    "LangCellForPreTraining",
    "LangCellForSequenceClassification",
    "LangCellModel",
    "LangCellOutput",
    "LangCellProcessor",
    "LangCellTextConfig",
    "TextEncoding",
    "ZeroShot",
    "ZeroShotSettings",
    "bundle_tensors",
    "convert_bundle",
    "convert_geneformer",
    "save_bundle",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    import_module(".auto", __name__)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)


# Whoever imported transformers first may go on with its Auto classes alone.
if "transformers" in sys.modules:
    import_module(".auto", __name__)
