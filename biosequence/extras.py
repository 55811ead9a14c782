"""Optional parts: which modules belong to which extra, and the line that installs it."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

from .errors import MissingExtraError

DISTRIBUTION = "bioseq-toolkit"

# Modules that a user's command may import; extras for developers are not asked for at run time.
EXTRAS: dict[str, tuple[str, ...]] = {
    "census": ("cellxgene_census",),
    "chem": ("selfies",),
    "dask": ("dask", "distributed"),
    "fcd": ("fcd",),
    "genome": ("pyfaidx", "pysam"),
    "llm": ("inspect_ai",),
    "train": ("peft",),
}


def install_line(extra: str) -> str:
    """The command that installs an extra.

    Examples
    --------
    >>> install_line("dask")
    'pip install "bioseq-toolkit[dask]"'
    """
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def missing_modules(extra: str) -> tuple[str, ...]:
    """The modules of an extra that this Python cannot find; empty when the extra is installed."""
    return tuple(module for module in EXTRAS[extra] if find_spec(module) is None)


def require(extra: str, module: str) -> ModuleType:
    """Import a module of an extra.

    Parameters
    ----------
    extra
        Name of the extra, a key of :data:`EXTRAS`.
    module
        Module to import; dotted names are allowed.

    Raises
    ------
    MissingExtraError
        The module, or something it needs, is not installed.
    """
    if module.partition(".")[0] not in EXTRAS[extra]:
        msg = f"{module} is not listed under the extra {extra!r}"
        raise KeyError(msg)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"This needs the Python package {error.name}, which is not installed.",
            where=f"optional part: {extra}",
            fix=install_line(extra),
        ) from error
