"""What models are trained for: data, batches and losses behind one face."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import collate_rows, model_inputs
    from .causal_lm import CausalLM, CausalLMSettings
    from .classification import Classification, ClassificationSettings
    from .fim import Fim, FimSettings
    from .in_context import InContext, InContextSettings
    from .labelled import LabelledObjective, LabelledSettings
    from .language import LanguageObjective
    from .masked_lm import MaskedLM, MaskedLMSettings
    from .objective import Datasets, Losses, Objective
    from .registry import (
        get_objective,
        objective_from_settings,
        objective_names,
        register_objective,
    )
    from .regression import Regression, RegressionSettings, in_units
    from .settings import DataSettings, settings_from
    from .token_labels import TokenClassification, TokenClassificationSettings
    from .token_losses import next_token_losses, token_losses

_HOMES = {
    "CausalLM": "causal_lm",
    "CausalLMSettings": "causal_lm",
    "Classification": "classification",
    "ClassificationSettings": "classification",
    "DataSettings": "settings",
    "Datasets": "objective",
    "Fim": "fim",
    "FimSettings": "fim",
    "InContext": "in_context",
    "InContextSettings": "in_context",
    "LabelledObjective": "labelled",
    "LabelledSettings": "labelled",
    "LanguageObjective": "language",
    "Losses": "objective",
    "MaskedLM": "masked_lm",
    "MaskedLMSettings": "masked_lm",
    "Objective": "objective",
    "Regression": "regression",
    "RegressionSettings": "regression",
    "TokenClassification": "token_labels",
    "TokenClassificationSettings": "token_labels",
    "collate_rows": "batches",
    "get_objective": "registry",
    "in_units": "regression",
    "model_inputs": "batches",
    "next_token_losses": "token_losses",
    "objective_from_settings": "registry",
    "objective_names": "registry",
    "register_objective": "registry",
    "settings_from": "settings",
    "token_losses": "token_losses",
}

__all__ = [
    "CausalLM",
    "CausalLMSettings",
    "Classification",
    "ClassificationSettings",
    "DataSettings",
    "Datasets",
    "Fim",
    "FimSettings",
    "InContext",
    "InContextSettings",
    "LabelledObjective",
    "LabelledSettings",
    "LanguageObjective",
    "Losses",
    "MaskedLM",
    "MaskedLMSettings",
    "Objective",
    "Regression",
    "RegressionSettings",
    "TokenClassification",
    "TokenClassificationSettings",
    "collate_rows",
    "get_objective",
    "in_units",
    "model_inputs",
    "next_token_losses",
    "objective_from_settings",
    "objective_names",
    "register_objective",
    "settings_from",
    "token_losses",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
