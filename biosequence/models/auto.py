"""Registers our models with transformers, so that its Auto classes open our folders."""

from __future__ import annotations

import logging

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from .biomamba import configuration_biomamba, modeling_biomamba
from .bioxlstm import configuration_bioxlstm, modeling_bioxlstm

HEADS = {
    "Model": AutoModel,
    "ForCausalLM": AutoModelForCausalLM,
    "ForMaskedLM": AutoModelForMaskedLM,
    "ForSequenceClassification": AutoModelForSequenceClassification,
    "ForTokenClassification": AutoModelForTokenClassification,
}
"""End of a class's name and the Auto class that opens it."""

_FAMILIES = (
    ("BioXLSTM", configuration_bioxlstm.BioXLSTMConfig, modeling_bioxlstm),
    ("BioMamba", configuration_biomamba.BioMambaConfig, modeling_biomamba),
)


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Setting accelerator to CPU")


# Saving any model makes transformers import deepspeed, which without a GPU says so on standard
# output, where a command's result belongs.
logging.getLogger("DeepSpeed").addFilter(_is_news)


def register() -> None:
    """Register every model; doing it again changes nothing.

    Examples
    --------
    >>> from transformers import AutoConfig
    >>> register()
    >>> type(AutoConfig.for_model("bioxlstm")).__name__
    'BioXLSTMConfig'
    """
    for name, config, module in _FAMILIES:
        AutoConfig.register(config.model_type, config, exist_ok=True)
        for end, auto in HEADS.items():
            auto.register(config, getattr(module, name + end), exist_ok=True)


register()
