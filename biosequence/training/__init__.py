"""Training: recipes, the trainer, token shards and objectives; all is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .deepspeed_presets import deepspeed_preset, deepspeed_settings, preset_names
    from .finetuning import finetune_recipe
    from .recipe import load_recipe, recipe_from_values, recipe_text, recipe_values
    from .recipe_tables import Recipe
    from .run import train
    from .run_log import read_metrics
    from .summary import TrainSummary

_HOMES = {
    "Recipe": "recipe_tables",
    "TrainSummary": "summary",
    "deepspeed_preset": "deepspeed_presets",
    "deepspeed_settings": "deepspeed_presets",
    "finetune_recipe": "finetuning",
    "load_recipe": "recipe",
    "preset_names": "deepspeed_presets",
    "read_metrics": "run_log",
    "recipe_from_values": "recipe",
    "recipe_text": "recipe",
    "recipe_values": "recipe",
    "train": "run",
}

__all__ = [
    "Recipe",
    "TrainSummary",
    "deepspeed_preset",
    "deepspeed_settings",
    "finetune_recipe",
    "load_recipe",
    "preset_names",
    "read_metrics",
    "recipe_from_values",
    "recipe_text",
    "recipe_values",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
