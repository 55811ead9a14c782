"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from .recipe_tables import ScheduleTable


def rate_factor(schedule: ScheduleTable, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at a step.

    Parameters
    ----------
    schedule
        Its shape. ``cosine`` falls from the end of the warm-up to the last step;
        ``warmup-stable-decay`` stays and falls linearly over the last `decay_steps` (default: a
        tenth of all steps); ``constant`` stays.
    step
        Steps already taken.
    steps
        Steps of the whole run.

    Examples
    --------
    >>> wsd = ScheduleTable(name="warmup-stable-decay", warmup_steps=2, final_fraction=0.0)
    >>> [round(rate_factor(wsd, step, 20), 2) for step in (0, 1, 2, 17, 18, 19)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    # The first step already learns: a rate of 0 would waste its batch.
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    last = schedule.final_fraction
    if schedule.name == "constant":
        return 1.0
    if schedule.name == "cosine":
        length = schedule.decay_steps or steps - schedule.warmup_steps
        done = min((step - schedule.warmup_steps) / max(length, 1), 1.0)
        return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2
    length = schedule.decay_steps or max(steps // 10, 1)
    left = min(max(steps - step, 0) / length, 1.0)
    return last + (1 - last) * left
