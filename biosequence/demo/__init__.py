"""Small trained models that come with the package, found by name and loaded offline."""

from __future__ import annotations

from pathlib import Path

DEMOS: dict[str, str] = {"demo-chem": "chem"}
"""Name of each demo model, and its folder here."""

DEMO_FILES = (
    "bioseq_tokenizer.json",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""What such a folder holds, beside its card README.md."""


def demo_folder(name: str) -> Path | None:
    """The folder of a demo model; None where the name is not one's.

    Examples
    --------
    >>> demo_folder("demo-chem").name, demo_folder("my-model")
    ('chem', None)
    """
    found = DEMOS.get(name)
    return None if found is None else Path(__file__).parent / found
