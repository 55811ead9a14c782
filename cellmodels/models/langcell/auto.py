"""Registers LangCell with transformers, so that its Auto classes open our folders."""

from __future__ import annotations

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSequenceClassification,
)

from .configuration_langcell import LangCellConfig
from .modeling_langcell import (
    LangCellForPreTraining,
    LangCellForSequenceClassification,
    LangCellModel,
)


def register() -> None:
    """Register the models; doing it again changes nothing."""
    AutoConfig.register(LangCellConfig.model_type, LangCellConfig, exist_ok=True)
    AutoModel.register(LangCellConfig, LangCellModel, exist_ok=True)
    AutoModelForPreTraining.register(LangCellConfig, LangCellForPreTraining, exist_ok=True)
    AutoModelForSequenceClassification.register(
        LangCellConfig, LangCellForSequenceClassification, exist_ok=True
    )


register()
