"""What the tests read of a run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def curve(folder: Path) -> list[tuple[Any, ...]]:
    """What a run logged, without what depends on the clock."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    keys = ("step", "loss", "validation_loss", "lr", "grad_norm", "length", "tokens", "event")
    return [tuple(json.loads(line).get(key) for key in keys) for line in lines]


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()
