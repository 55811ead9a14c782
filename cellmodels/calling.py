"""What every call on an AnnData shares: the object that is written, errors in Python's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from biosequence.errors import BioseqError, InputError

if TYPE_CHECKING:
    from anndata import AnnData

# Advice that says both: `--layer raw   (python: layer="raw")`.
BOTH = re.compile(r"--\S+ \S+ +\(python: (.+?)\)")
# An option of the command, and the value that may follow it: a placeholder or an organism.
OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)(?: ([A-Z]{2,}|human|mouse)\b)?")


def written_object(adata: AnnData, copy: bool) -> AnnData:
    """The object that a call writes to: `adata` itself, or a copy in memory.

    Raises
    ------
    InputError
        If `adata` is a view and no copy is asked for: writing would silently replace it.
    """
    if copy:
        return adata.to_memory() if adata.isbacked else adata.copy()
    if adata.is_view:
        msg = "This AnnData is a view of another one, and results cannot be put on a view."
        fix = "Copy it first: adata = adata.copy(); or take the copy: copy=True"
        raise InputError(msg, where="AnnData object", fix=fix)
    return adata


def require_annotation(adata: AnnData, key: str) -> None:
    """Pass over objects that `tl.annotate` or the command annotated.

    Raises
    ------
    InputError
        If there is no annotation under `key`.
    """
    if f"{key}_cell_type" in adata.obs and "clusters" in adata.uns.get(key, ()):
        return
    msg = f"This AnnData holds no annotation called {key!r}."
    raise InputError(msg, where="AnnData object", fix="Annotate it first: cm.tl.annotate(adata)")


@contextmanager
def python_words() -> Iterator[None]:
    """Errors that name the command's options name the arguments instead.

    Examples
    --------
    >>> from biosequence.errors import UsageError
    >>> with python_words():
    ...     raise UsageError("No such matrix.", where="--layer", fix="Give --gene-key COLUMN.")
    Traceback (most recent call last):
    biosequence.errors.UsageError: No such matrix.
    layer
    Give gene_key=COLUMN.
    """
    try:
        yield
    except BioseqError as error:
        # Changed in place, so that the traceback still starts where it was raised.
        error.what, error.where, error.fix = map(as_arguments, (error.what, error.where, error.fix))
        error.args = ("\n".join(error.lines()),)
        raise


def as_arguments(text: str) -> str:
    """A sentence about options as one about arguments.

    Examples
    --------
    >>> as_arguments("-> rerun with --organism mouse, or give the matrix (--layer)")
    '-> rerun with organism="mouse", or give the matrix (layer)'
    """
    return OPTION.sub(_argument, BOTH.sub(r"\1", text))


def _argument(found: re.Match[str]) -> str:
    name, value = found[1].replace("-", "_"), found[2]
    if value is None:
        return name
    return f"{name}={value}" if value.isupper() else f'{name}="{value}"'
