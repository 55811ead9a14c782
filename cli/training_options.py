"""What the commands that train share: one run, told once whatever the number of ranks."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import Session, steady_output

if TYPE_CHECKING:
    from biosequence.training import Recipe


def run_training(session: Session, recipe: Recipe | Path, **given: Any) -> None:
    """Train, and say on the first rank what came of it."""
    with steady_output(session):
        from biosequence import training
        from cellmodels.models import register_objectives

        register_objectives()
        summary = training.train(recipe, **given)
        _leave_group()
    if int(os.environ.get("RANK", 0)):
        return
    found = dataclasses.asdict(summary)
    session.say(
        f"{summary.steps:,} steps, loss {summary.loss:.4f}, "
        f"{summary.tokens_per_second:,.0f} tokens a second: {summary.model}"
    )
    session.result({k: str(v) if isinstance(v, Path) else v for k, v in found.items()})


def _leave_group() -> None:
    """Part from the other ranks in order; torch complains about those who do not."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
