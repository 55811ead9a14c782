"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError

_NOT_WRITABLE = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


@contextmanager
def atomic_file(output: str | Path) -> Iterator[Path]:
    """A temporary name beside `output`, which takes its place when the block succeeds.

    On any exception the temporary file is removed and an `output` from before is untouched.

    Parameters
    ----------
    output
        The file to make; missing folders are made too.

    Raises
    ------
    InputError
        If the folder may not be written to.

    Examples
    --------
    >>> with atomic_file("letters.txt") as partial:
    ...     _ = partial.write_text("ACGT")
    >>> Path("letters.txt").read_text()
    'ACGT'
    """
    target = Path(output).resolve()
    partial = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(target)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, _NOT_WRITABLE):
            raise InputError(
                f"The output cannot be written ({error.strerror}).",
                where=str(output),
                fix="Name a file in a folder where you may write.",
            ) from error
        raise


@contextmanager
def atomic_folder(output: str | Path) -> Iterator[Path]:
    """A new folder beside `output`, which takes its place when the block succeeds.

    On any exception it is removed with all that is in it.

    Parameters
    ----------
    output
        The folder to make; an empty one may be there.

    Raises
    ------
    InputError
        If `output` exists and is not empty, or may not be written.

    Examples
    --------
    >>> with atomic_folder("model") as partial:
    ...     _ = (partial / "config.json").write_text("{}")
    >>> [path.name for path in Path("model").iterdir()]
    ['config.json']
    """
    target = Path(output).resolve()
    partial = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InputError(
                "The output folder exists and is not empty.",
                where=str(output),
                fix="Name a new folder.",
            )
        # Unlike a temporary folder's, these permissions are those of any new folder.
        partial.mkdir(parents=True)
        yield partial
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
            raise InputError(
                f"The output cannot be written ({error.strerror}).",
                where=str(output),
                fix="Name a folder where you may write.",
            ) from error
        raise
