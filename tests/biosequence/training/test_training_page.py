"""The page on training speaks of the recipe as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args, get_type_hints

from biosequence.training import load_recipe, preset_names
from biosequence.training.deepspeed_presets import deepspeed_preset
from biosequence.training.recipe_tables import Recipe

DOCS = Path(__file__).parents[3] / "docs" / "engineer"


def test_the_recipe_beside_the_page_is_right() -> None:
    recipe = load_recipe(DOCS / "recipe.toml")
    assert recipe.curriculum is not None and recipe.spikes is not None


def test_every_table_key_and_preset_is_told() -> None:
    page = (DOCS / "training.md").read_text(encoding="utf-8")
    for name, hint in get_type_hints(Recipe).items():
        kind = next((k for k in get_args(hint) if dataclasses.is_dataclass(k)), hint)
        if not dataclasses.is_dataclass(kind):
            assert f"`{name}`" in page
            continue
        assert f"`[{name}]`" in page
        line = next(line for line in page.splitlines() if line.startswith(f"| `[{name}]`"))
        for field in dataclasses.fields(kind):
            if not field.metadata.get("rest"):
                assert f"`{field.name}`" in line, f"{name}.{field.name}"
    for name in preset_names():
        assert f"`{name}`" in page


def test_mixed_precision_never_casts_parameters() -> None:
    for name in preset_names():
        settings = deepspeed_preset(name, precision="bf16")
        assert settings["torch_autocast"]["enabled"] and "bf16" not in settings
        assert "torch_autocast" not in deepspeed_preset(name)
