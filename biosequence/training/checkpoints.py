"""Checkpoints that are whole or not there: temporary name, list of files, rename."""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..disk import disk_full, is_full, require_space, size_on_disk

COMPLETE = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")
_PART = ".part"
# A file of tensors that met a full disk does not always say so.
_NEARLY_FULL = 1 << 20


def checkpoint_steps(folder: Path) -> list[int]:
    """Steps of all whole checkpoints in a folder, ascending; damaged ones are warned of."""
    steps = []
    for path in folder.glob("checkpoint-*"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        fault = checkpoint_fault(path)
        if fault is None:
            steps.append(int(match[1]))
        else:
            warnings.warn(f"{path} is passed over: {fault}", stacklevel=2)
    return sorted(steps)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"checkpoint-{step}"


def checkpoint_fault(path: Path) -> str | None:
    """Why a checkpoint cannot be used; None for a whole one."""
    try:
        sizes = json.loads((path / COMPLETE).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{COMPLETE} is missing or damaged"
    for name, size in sizes.items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != size:
            return f"{name} has {file.stat().st_size:,} bytes instead of {size:,}"
    return None


@contextmanager
def new_checkpoint(path: Path, *, main: bool, barrier: object) -> Iterator[Path]:
    """A folder that becomes the checkpoint `path` when the block succeeds on all ranks.

    Parameters
    ----------
    path
        The checkpoint's final name.
    main
        Whether this process renames and removes; one of them does.
    barrier
        Function that waits for all ranks.

    Raises
    ------
    InputError
        The disk is full; earlier checkpoints are as they were.
    """
    assert callable(barrier)
    partial = path.with_name(f".{path.name}{_PART}")
    try:
        if main:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            require_space(path, _size_of_last(path.parent))
        barrier()
        yield partial
        barrier()
        if main:
            _complete(partial)
            shutil.rmtree(path, ignore_errors=True)
            partial.rename(path)
            _sync(path.parent)
        barrier()
    except BaseException as error:
        if main:
            shutil.rmtree(partial, ignore_errors=True)
        if is_full(error) or _met_full_disk(error, path.parent):
            raise disk_full(path, _size_of_last(path.parent)) from error
        raise


def prune_checkpoints(folder: Path, keep: int, *, best: int | None = None) -> None:
    """Remove all but the last `keep` checkpoints and the best one."""
    steps = checkpoint_steps(folder)
    kept = {*steps[-keep:], best}
    for step in steps:
        if step not in kept:
            # Without its list a checkpoint that is half removed is no checkpoint.
            (checkpoint_path(folder, step) / COMPLETE).unlink()
            shutil.rmtree(checkpoint_path(folder, step), ignore_errors=True)


def remove_partial(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for path in folder.glob(f".checkpoint-*{_PART}"):
        shutil.rmtree(path, ignore_errors=True)


def _complete(folder: Path) -> None:
    """List all files with their sizes, everything on the disk first."""
    sizes = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        _sync(file)
        sizes[file.relative_to(folder).as_posix()] = file.stat().st_size
    text = json.dumps({"format": 1, "files": sizes}, indent=1)
    (folder / COMPLETE).write_text(text, encoding="utf-8")
    _sync(folder / COMPLETE)


def _size_of_last(folder: Path) -> int:
    sizes = [size_on_disk(path) for path in folder.glob("checkpoint-*")]
    return max(sizes, default=0)


def _met_full_disk(error: BaseException, folder: Path) -> bool:
    written = isinstance(error, OSError | RuntimeError)
    return written and folder.is_dir() and shutil.disk_usage(folder).free < _NEARLY_FULL


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
