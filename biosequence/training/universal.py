"""DeepSpeed checkpoints of one number of ranks for another."""

from __future__ import annotations

import contextlib
import io
import shutil
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError

_KEPT = ("trainer_state.json", "run_state.json", "scheduler.pt")


def universal_path(checkpoint: Path) -> Path:
    """Where the converted copy of a checkpoint lies while it is read."""
    return checkpoint.with_name("universal") / checkpoint.name


def to_universal(checkpoint: Path) -> Path:
    """A copy of a DeepSpeed checkpoint that any number of ranks can load.

    DeepSpeed reads its own files here, and they are pickles: convert checkpoints of your own runs
    only.

    Raises
    ------
    InputError
        DeepSpeed cannot convert it.
    """
    from deepspeed.checkpoint import ds_to_universal

    target = universal_path(checkpoint)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _KEPT:
        if (checkpoint / name).is_file():
            shutil.copy2(checkpoint / name, target / name)
    tag = (checkpoint / "latest").read_text(encoding="utf-8").strip()
    options = Namespace(
        input_folder=str(checkpoint / tag),
        output_folder=str(target / f"{tag}_universal"),
        num_extract_workers=1,
        num_merge_workers=1,
        keep_temp_folder=False,
        strict=True,
        inject_missing_state=True,
    )
    try:
        # It reports on stdout, and draws bars.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            ds_to_universal.main(options)
    except Exception as error:  # whatever its files provoke
        raise InputError(
            f"The checkpoint cannot be read by another number of ranks ({error}).",
            where=str(checkpoint),
            fix="Resume with as many ranks as wrote it.",
        ) from error
    (target / "latest_universal").write_text(f"{tag}_universal", encoding="utf-8")
    return target


def restore_groups(optimizer: Any, decays: Sequence[float]) -> None:
    """Mend what stage 3 loses when it loads a converted checkpoint.

    It gives all groups the decay of the first, and all states one step counter, which then counts
    every group's update.

    Parameters
    ----------
    optimizer
        The optimizer inside DeepSpeed's.
    decays
        Weight decay of each of its groups.
    """
    for group, decay in zip(optimizer.param_groups, decays, strict=False):
        group["weight_decay"] = decay
    for state in optimizer.state.values():
        step = state.get("step")
        if hasattr(step, "clone"):
            state["step"] = step.clone()
