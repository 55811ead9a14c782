"""The trained model in our format, made of a checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..atomic import atomic_folder
from .lora import merged
from .run_folder import RunFolder

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")


def write_model(
    folder: RunFolder,
    checkpoint: Path,
    *,
    tokenizer: Any,
    card: str,
    use_cache: bool | None,
    base: Callable[[], Any] | None = None,
) -> None:
    """Write `model/`: configuration, weights, tokenizer and card; whole or not at all.

    Parameters
    ----------
    folder
        The run's folder.
    checkpoint
        Whose weights.
    tokenizer, card
        What stands beside them.
    use_cache
        The model's own setting, which training switches off.
    base
        With adapters: makes the model that they are merged into; they are written to `adapter/`.
    """
    if base is not None and not folder.adapter.exists():
        with atomic_folder(folder.adapter) as partial:
            for path in checkpoint.glob("adapter_*"):
                shutil.copy2(path, partial / path.name)
    with atomic_folder(folder.model) as partial:
        if base is not None:
            merged(base(), checkpoint).save_pretrained(str(partial))
        else:
            for pattern in _WEIGHTS:
                for path in checkpoint.glob(pattern):
                    shutil.copy2(path, partial / path.name)
        _set_cache(partial / "config.json", use_cache)
        tokenizer.save(partial)
        (partial / "README.md").write_text(card, encoding="utf-8")


def _set_cache(path: Path, use_cache: bool | None) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    if use_cache is not None:
        config["use_cache"] = use_cache
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
