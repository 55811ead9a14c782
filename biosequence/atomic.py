"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .disk import disk_full, is_full
from .errors import InputError

_NOT_WRITABLE = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


@contextmanager
def atomic_path(output: str | Path, *, needed: int = 0) -> Iterator[Path]:
    """A temporary name beside `output`: it takes the place of `output` when the block succeeds.

    The block may make a file or a folder there. On any exception, Ctrl-C included, what it made is
    removed and an `output` from before is untouched. A missing folder is made; a symbolic link is
    followed, so that its target is replaced and not the link.

    Parameters
    ----------
    output
        The file or folder to make.
    needed
        Bytes it will take, for the message when the disk is full.

    Raises
    ------
    InputError
        If the disk is full or the folder may not be written to.

    Examples
    --------
    >>> with atomic_path("letters.txt") as partial:
    ...     _ = partial.write_text("ACGT")
    >>> Path("letters.txt").read_text()
    'ACGT'
    """
    target = Path(output).resolve()
    partial = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _sync(partial)
        _put(partial, target)
        _sync(target.parent)
    except BaseException as error:
        _remove(partial)
        if is_full(error):
            raise disk_full(target, needed) from error
        if isinstance(error, _NOT_WRITABLE):
            raise not_writable(target, error) from error
        raise


@contextmanager
def atomic_folder(output: str | Path) -> Iterator[Path]:
    """A new folder beside `output`, which takes its place when the block succeeds.

    Raises
    ------
    InputError
        If `output` exists and is not empty, the disk is full, or it may not be written.

    Examples
    --------
    >>> with atomic_folder("model") as partial:
    ...     _ = (partial / "config.json").write_text("{}")
    >>> [path.name for path in Path("model").iterdir()]
    ['config.json']
    """
    target = Path(output)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(
            "The output folder exists and is not empty.",
            where=str(output),
            fix="Name a new folder.",
        )
    with atomic_path(target) as partial:
        partial.mkdir()
        yield partial


def not_writable(output: Path, error: OSError) -> InputError:
    """The error for an output that the system does not let us write."""
    return InputError(
        f"The output cannot be written ({error.strerror}).",
        where=str(output),
        fix="Give --output in a folder where you may write.",
    )


def _put(partial: Path, target: Path) -> None:
    if not target.is_dir() or not partial.is_dir():
        partial.replace(target)
        return
    # Only an empty folder can be replaced in one step: keep the old one until the new is there.
    old = partial.with_suffix(".old")
    target.rename(old)
    try:
        partial.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        # A writer's threads may put another file there while the folder is being emptied.
        for wait in (0.0, 0.05, 0.2, 0.5, 1.0):
            time.sleep(wait)
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                return
    else:
        # Where the parent is a file there is nothing to remove.
        with suppress(NotADirectoryError):
            path.unlink(missing_ok=True)
