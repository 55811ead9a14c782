"""The model card of a trained model: what it was trained on, how, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .recipe import recipe_text
from .recipe_tables import Recipe


def model_card(
    recipe: Recipe, manifest: Mapping[str, Any], facts: Mapping[str, Any], kind: str
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    recipe
        What was run.
    manifest
        What the objective says of its data.
    facts
        Numbers of the run, name to value.
    kind
        Class of the model.
    """
    lines = [
        "---",
        "library_name: bioseq-toolkit",
        f"tags: [{kind}, {recipe.objective.name}]",
        "---",
        "",
        f"# {kind}, trained with the objective {recipe.objective.name}",
        "",
        "## Training",
        "",
        "| what | value |",
        "|---|---|",
        *(f"| {name} | {_shown(value)} |" for name, value in facts.items() if value is not None),
        "",
        "## Data",
        "",
        *_data(manifest),
        "",
        "## Recipe",
        "",
        "```toml",
        recipe_text(recipe).strip(),
        "```",
        "",
    ]
    return "\n".join(lines)


def _data(manifest: Mapping[str, Any]) -> list[str]:
    lines = []
    for split, facts in manifest.items():
        if not isinstance(facts, Mapping):
            lines.append(f"- {split}: {facts}")
            continue
        lines.append(f"- {split}")
        source = facts.get("source") if isinstance(facts.get("source"), Mapping) else {}
        for name, value in {**facts, **source}.items():
            if name != "source" and not isinstance(value, Mapping | list):
                lines.append(f"  - {name}: {value}")
        if "sha256" in facts and "licence" not in source:
            lines.append("  - licence: not said by the data")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
