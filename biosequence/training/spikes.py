"""Loss spikes: what counts as one, and the way back out of it."""

from __future__ import annotations

import math
from statistics import median

from .recipe_tables import SpikesTable
from .run_state import RunState

_WINDOW = 100
_ENOUGH = 10


class LossSpikeError(Exception):
    """The loss stayed high; the run is to go back. Raised on every rank at the same step."""

    def __init__(self, step: int, began: int, losses: list[float]) -> None:
        super().__init__(f"loss spike at step {step}")
        self.step = step
        self.began = began
        self.losses = losses


def watch(state: RunState, settings: SpikesTable, step: int, loss: float) -> None:
    """Take note of a step's loss.

    Raises
    ------
    LossSpikeError
        `patience` steps in a row lay over `factor` times the median of the steps before.

    Examples
    --------
    >>> state = RunState(losses=[1.0] * 10)
    >>> watch(state, SpikesTable(patience=1, factor=2.0), 11, 9.0)
    Traceback (most recent call last):
    ...
    biosequence.training.spikes.LossSpikeError: loss spike at step 11
    """
    usual = state.losses
    level = median(usual) if len(usual) >= _ENOUGH else math.inf
    if loss <= settings.factor * level:
        state.high_losses = 0
        state.losses = [*usual, loss][-_WINDOW:]
        return
    state.high_losses += 1
    if state.high_losses >= settings.patience and len(state.skips) < settings.most:
        raise LossSpikeError(step, step - state.high_losses + 1, [loss, level])
