"""What happens around the trainer's steps: the progress bar, and settings that may change."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from ..progress import progress


class RunCallback(TrainerCallback):
    """Moves the progress bar, and lets a resumed run save and evaluate as its recipe says now."""

    def __init__(self, arguments: Any) -> None:
        self._arguments = arguments
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin the bar where the run begins."""
        # A resumed state brings the cadence of its checkpoint.
        for name in ("logging_steps", "eval_steps", "save_steps"):
            value = getattr(self._arguments, name)
            if value is not None:
                setattr(state, name, int(value))
        if state.is_world_process_zero:
            steps = range(state.max_steps - state.global_step)
            self._bar = iter(progress(steps, total=len(steps), what="training", unit="step"))

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """One step on."""
        if self._bar is not None:
            next(self._bar, None)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take the bar away."""
        if self._bar is not None:
            for _ in self._bar:
                break
            close = getattr(self._bar, "close", None)
            if close is not None:
                close()
            self._bar = None
