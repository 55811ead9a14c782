"""Is there room on the disk, and was a failure for want of it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from .errors import InputError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# HDF5 reports the system's error number only inside its message, and as several exception types.
_FULL_TEXTS = ("no space left", "errno = 28", "quota exceeded", "errno = 122")


def existing_folder(path: Path) -> Path:
    """The nearest folder on the way to `path` that exists."""
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    return folder


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


def require_space(output: Path, needed: int) -> None:
    """Refuse an output that cannot fit.

    Raises
    ------
    InputError
        If the disk of `output` has fewer than `needed` bytes free.
    """
    if shutil.disk_usage(existing_folder(output)).free < needed:
        raise disk_full(output, needed)


def disk_full(output: Path, needed: int) -> InputError:
    """The error for a full disk, with how much was needed (0: unknown) and how much there is."""
    folder = existing_folder(output)
    free = shutil.disk_usage(folder).free
    wanted = f"about {_readable(needed)} needed, " if needed else ""
    return InputError(
        f"The disk is full: {wanted}{_readable(free)} free in {folder}.",
        where=str(output),
        fix="Free some space, or give --output on another disk.",
    )


def is_full(error: BaseException) -> bool:
    """Whether an exception, or one that led to it, means that the disk is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        if any(text in str(seen).lower() for text in _FULL_TEXTS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
