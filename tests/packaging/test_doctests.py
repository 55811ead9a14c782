"""Every example in a docstring gives what it shows."""

from __future__ import annotations

import doctest
import importlib
import logging
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "biosequence": "biosequence",
    "cellmodels": "cellmodels",
    "cli": "bioseq_cli",
    "data_recipes": "bioseq_recipes",
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples() -> list[str]:
    names = []
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                names.append(".".join([package, *parts]).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_give_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    # transformers' own save_pretrained imports deepspeed, which reports the CPU on standard output.
    monkeypatch.setattr(logging.getLogger("DeepSpeed"), "filters", [lambda record: False])
    failed, attempted = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert attempted > 0
    assert failed == 0
