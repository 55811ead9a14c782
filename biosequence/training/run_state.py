"""What a run must remember besides weights to go on as if it had never stopped."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError

STATE_FILE = "run_state.json"


@dataclass
class Window:
    """Sums since the last line of the log."""

    steps: int = 0
    loss: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    loading: float = 0.0
    parts: dict[str, list[float]] = field(default_factory=dict)

    def averages(self) -> dict[str, float]:
        """The mean of each part over what it was seen on."""
        return {name: total / weight for name, (total, weight) in self.parts.items() if weight}


@dataclass
class RunState:
    """The plain values that a checkpoint keeps beside weights and moments."""

    global_batch: int = 0
    """Sequences of a step at the first length, over all devices."""
    world: int = 1
    """Devices of the last run."""
    tokens: int = 0
    """Tokens read so far."""
    seconds: float = 0.0
    """Time of all steps so far."""
    skips: list[tuple[int, int]] = field(default_factory=list)
    """Data passed over after spikes, as (step, batches)."""
    losses: list[float] = field(default_factory=list)
    """Losses of the last steps, which a spike is measured against."""
    high_losses: int = 0
    """Steps in a row whose loss was too high."""
    best_loss: float | None = None
    """Lowest validation loss so far."""
    best_step: int = 0
    """The step it was found at."""
    waited: int = 0
    """Evaluations since then."""
    stopped: bool = False
    """Whether patience has run out."""
    metrics_bytes: int = 0
    """Length of metrics.jsonl at the checkpoint."""
    deepspeed: str = ""
    """How DeepSpeed cut what it wrote; empty where it did not write the checkpoint."""
    window: Window = field(default_factory=Window)
    """Sums since the last line of the log."""

    def save(self, folder: Path) -> None:
        """Write the state into a checkpoint."""
        text = json.dumps(dataclasses.asdict(self), indent=1)
        (folder / STATE_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> RunState:
        """The state in a checkpoint.

        Raises
        ------
        InputError
            It is missing or of another release.
        """
        path = folder / STATE_FILE
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            values["window"] = Window(**values["window"])
            values["skips"] = [(int(step), int(count)) for step, count in values["skips"]]
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"The state of the run cannot be read ({type(error).__name__}).",
                where=str(path),
                fix="Remove this checkpoint's folder and --resume from the one before.",
            ) from error
