"""What a reader says when the bytes of a file do not hold up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from biosequence.errors import BioseqError, InputError

COPY_AGAIN = "Copy or download the file again and compare its size with the original."


@contextmanager
def damage_named(where: str, part: str) -> Iterator[None]:
    """Turn the storage libraries' failures while reading `part` into one InputError.

    Raises
    ------
    InputError
        With the failing part and the file, for whatever h5py, zarr and the codecs raise.
    """
    try:
        yield
    except BioseqError:
        raise
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, IndexError) as error:
        cause = str(error).strip().splitlines()
        hint = f" ({cause[0][:160]})" if cause else ""
        raise InputError(
            f"{part} cannot be read, the file is damaged or incomplete{hint}.",
            where=where,
            fix=COPY_AGAIN,
        ) from error
