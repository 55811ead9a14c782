"""The documentation lists the keys of every objective with their defaults."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from biosequence.training.objectives import get_objective, objective_names

PAGE = Path(__file__).parents[3] / "docs" / "engineer" / "objectives.md"
OURS = [name for name in objective_names() if name != "scaled"]


def documented(name: str) -> dict[str, str]:
    """Keys and defaults in the tables under the paragraphs that speak of an objective."""
    found: dict[str, str] = {}
    text = PAGE.read_text(encoding="utf-8")
    for about, rows in re.findall(r"^Keys of (.*?):\n\n((?:\|.*\n)+)", text, re.MULTILINE):
        own, _, borrowed = about.partition(", with ")
        if f"`{name}`" not in own:
            continue
        for key in re.findall(r"`(\w+)`", borrowed):
            found[key] = "none"
        for key, default in re.findall(r"^\| `(\w+)` \| (.*?) \|", rows, re.MULTILINE):
            found[key] = default.strip("`")
    return found


def written(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower()


@pytest.mark.parametrize("name", OURS)
def test_every_key_is_documented_with_its_default(name: str) -> None:
    kind = get_objective(name)
    assert kind.name == name
    wanted = {entry.name: written(entry.default) for entry in fields(kind.Settings)}
    assert documented(name) == wanted
    assert f"| `{name}` |" in PAGE.read_text(encoding="utf-8")


def test_importing_the_packages_is_light() -> None:
    heavy = "{'torch', 'transformers', 'deepspeed', 'rdkit', 'pandas'}"
    code = (
        "import sys, biosequence.training.data, biosequence.training.objectives;"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
