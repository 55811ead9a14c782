"""What models are trained for: data, batches and losses behind one face."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import collate_rows, model_inputs
    from .causal_lm import CausalLM, CausalLMSettings
    from .masked_lm import MaskedLM, MaskedLMSettings
    from .objective import Datasets, Losses, Objective
    from .registry import (
        get_objective,
        objective_from_settings,
        objective_names,
        register_objective,
    )
    from .settings import DataSettings, settings_from
    from .token_losses import next_token_losses, token_losses

_HOMES = {
    "CausalLM": "causal_lm",
    "CausalLMSettings": "causal_lm",
    "DataSettings": "settings",
    "Datasets": "objective",
    "Losses": "objective",
    "MaskedLM": "masked_lm",
    "MaskedLMSettings": "masked_lm",
    "Objective": "objective",
    "collate_rows": "batches",
    "get_objective": "registry",
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
    "DataSettings",
    "Datasets",
    "Losses",
    "MaskedLM",
    "MaskedLMSettings",
    "Objective",
    "collate_rows",
    "get_objective",
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
