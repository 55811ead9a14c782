"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
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
