"""Opening an HDF5 file, or saying why it does not open."""

from __future__ import annotations

from pathlib import Path

import h5py

from biosequence.errors import InputError

from .damage import COPY_AGAIN


def open_hdf5(path: Path, name: str) -> h5py.File:
    """The file, read-only.

    Raises
    ------
    InputError
        If the file is no HDF5 file, is cut short, is locked or may not be read.
    """
    try:
        # Many shared file systems cannot lock; reading needs no lock there.
        return h5py.File(path, "r", locking="best-effort")
    except PermissionError as error:
        raise InputError(
            "You have no permission to read this file.", where=name, fix=f"Try: ls -l {name}"
        ) from error
    except BlockingIOError as error:
        raise InputError(
            "Another program is writing to this file.", where=name, fix="Close it there first."
        ) from error
    except OSError as error:
        raise _unreadable(path, name, str(error)) from error


def _unreadable(path: Path, name: str, message: str) -> InputError:
    if path.stat().st_size == 0:
        return InputError("The file has 0 bytes.", where=name, fix=COPY_AGAIN)
    if "truncated" in message:
        return InputError("The file is cut short.", where=name, fix=COPY_AGAIN)
    if "signature not found" in message:
        return InputError(
            "This is not an HDF5 file, as .h5ad, 10x .h5 and .loom files are.",
            where=name,
            fix="Save your data as .h5ad: adata.write_h5ad(...) in Python, or a converter from R.",
        )
    return InputError(
        f"The file is damaged or incomplete ({message.splitlines()[0][:160]}).",
        where=name,
        fix=COPY_AGAIN,
    )
