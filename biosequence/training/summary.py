"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .checkpoints import checkpoint_path
from .run_folder import RunFolder
from .run_log import read_metrics
from .run_state import RunState


@dataclass(frozen=True)
class TrainSummary:
    """What a run came to, and where.

    Parameters
    ----------
    output
        Its folder.
    steps
        Steps taken.
    loss
        Training loss of the last line of the log.
    validation_loss
        Lowest validation loss; None without validation data.
    tokens
        Tokens read.
    tokens_per_second
        Over the whole run, evaluation and saving left out.
    seconds
        Time of all steps.
    parameters
        Trainable parameters.
    model
        Folder of the final model.
    """

    output: Path
    steps: int
    loss: float
    validation_loss: float | None
    tokens: int
    tokens_per_second: float
    seconds: float
    parameters: int
    model: Path


def summarise(folder: RunFolder, parameters: int) -> TrainSummary:
    """The summary of a folder whose run is over."""
    steps = folder.last_step()
    state = RunState.load(checkpoint_path(folder.checkpoints, steps))
    losses = [entry["loss"] for entry in read_metrics(folder.path) if "loss" in entry]
    return TrainSummary(
        output=folder.path,
        steps=steps,
        loss=losses[-1] if losses else float("nan"),
        validation_loss=state.best_loss,
        tokens=state.tokens,
        tokens_per_second=state.tokens / max(state.seconds, 1e-9),
        seconds=state.seconds,
        parameters=parameters,
        model=folder.model,
    )
