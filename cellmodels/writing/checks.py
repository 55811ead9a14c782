"""What can be known about an output before any work is done."""

from __future__ import annotations

import tempfile
from pathlib import Path

from biosequence.atomic import not_writable
from biosequence.disk import existing_folder, require_space, size_on_disk
from biosequence.errors import InputError

from ..stream.zarr_store import is_zarr


def preflight(output: str | Path, *, source: str | Path | None = None) -> None:
    """Refuse, before the work starts, an output that could not be written at its end.

    An output that exists may be replaced, unless it is the input. Nothing is left on the disk.

    Parameters
    ----------
    output
        The file (or .zarr folder) to write.
    source
        The input; None when there is none, or none on disk.

    Raises
    ------
    InputError
        If the output is the input (also through a link), lies in a zarr input, is a folder that is
        no zarr store, cannot be written where it is, or will not fit on the disk.
    """
    output = Path(output)
    if source is not None and Path(source).exists():
        _refuse_input(output, Path(source))
    if output.is_dir() and not (output.suffix == ".zarr" and is_zarr(output)):
        raise InputError(
            "The output is a folder.",
            where=str(output),
            fix=f"Give a file name: --output {output / 'annotated.h5ad'}",
        )
    _require_writable(output)
    if source is not None and output.suffix in (".h5ad", ".zarr") and Path(source).exists():
        require_space(output, size_on_disk(Path(source)))


def require_format(output: Path, kind: str) -> None:
    """Refuse an output whose name asks for a format that cannot be made of this input.

    Raises
    ------
    InputError
        For .zarr from anything but a zarr store.
    """
    if output.suffix == ".zarr" and kind != "zarr":
        raise InputError(
            "A .zarr output can only be made from a .zarr input.",
            where=str(output),
            fix=f"Give --output {output.with_suffix('.h5ad')}",
        )


def _refuse_input(output: Path, source: Path) -> None:
    inputs = [source]
    if source.is_dir():
        inputs += [item for item in source.iterdir() if item.is_file()]
    if output.exists() and any(output.samefile(item) for item in inputs):
        raise InputError(
            "The output is the input, and the input is never changed.",
            where=str(output),
            fix=f"Give another name: --output {output.with_suffix('')}.annotated.h5ad",
        )
    kind = "zarr" if source.is_dir() and is_zarr(source) else "other"
    if kind == "zarr" and source.resolve() in output.resolve().parents:
        raise InputError(
            "The output lies inside the input, and the input is never changed.",
            where=str(output),
            fix="Give --output in another folder.",
        )
    require_format(output, kind)


def _require_writable(output: Path) -> None:
    folder = existing_folder(output.resolve())
    if not folder.is_dir():
        raise InputError(
            "The output's folder is a file.", where=str(folder), fix="Give another --output."
        )
    try:
        # Asking for permissions is not enough: read-only disks and quotas only show on writing.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".bioseq-"):
            pass
    except OSError as error:
        raise not_writable(output, error) from error
