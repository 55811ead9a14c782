"""Published formats that other libraries bring along, by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from ..models.checkpoint import Conversion
    from ..models.key_map import KeyReport

_READERS: dict[str, str] = {}
_WRITERS: dict[str, str] = {}


@dataclass(frozen=True)
class Published:
    """A checkpoint in our names, and what was found beside it.

    Parameters
    ----------
    conversion
        Its tensors, not yet written anywhere.
    files
        The files with weights.
    tokenizer
        What reads the model's input, with `name` and `save(folder)`; None where it is not known.
    """

    conversion: Conversion
    files: list[Path] = field(default_factory=list)
    tokenizer: Any = None


Reader = Callable[[Path, bool], Published | None]
"""(source, whether the user named the format) to a checkpoint; None: not of this format.

Unnamed, a reader looks at names and configurations only, since every source passes all readers.
"""

Writer = Callable[[Path, Path], tuple[Any, "KeyReport"]]
"""(folder of ours, folder to fill) to the model that was written, and what its keys became."""


def register_format(name: str, home: str) -> None:
    """Make a published format known to :func:`convert_checkpoint`; other libraries add theirs.

    Parameters
    ----------
    name
        What `source_format` calls it.
    home
        Its :data:`Reader`, ``module:function``; imported on first use.

    Raises
    ------
    UsageError
        The name belongs to another reader.

    Examples
    --------
    >>> register_format("langcell", "cellmodels.models.langcell.formats:read_langcell")
    >>> "langcell" in format_names()
    True
    """
    _register(_READERS, name, home)


def register_writer(model_type: str, home: str) -> None:
    """Make known how models of a type go back to what was published.

    Parameters
    ----------
    model_type
        The `model_type` of their configuration.
    home
        Their :data:`Writer`, ``module:function``; imported on first use.

    Raises
    ------
    UsageError
        The type belongs to another writer.
    """
    _register(_WRITERS, model_type, home)


def format_names() -> tuple[str, ...]:
    """Formats that other libraries brought along."""
    return tuple(sorted(_READERS))


def read_registered(source: Path, source_format: str) -> tuple[str, Published] | None:
    """The format and the checkpoint, where `source` is of a registered format."""
    names = _READERS if source_format == "auto" else [source_format]
    for name in names:
        if name in _READERS:
            published = _open(_READERS[name])(source, source_format != "auto")
            if published is not None:
                return name, published
    return None


def writer_of(source: Path) -> Writer | None:
    """The registered writer for a folder of ours; None where there is none."""
    home = _WRITERS.get(model_type_of(source))
    return None if home is None else _open(home)


def model_type_of(source: Path) -> str:
    """What a folder's configuration says that it holds; nothing where it says nothing."""
    try:
        found = json.loads((source / "config.json").read_text(encoding="utf-8"))
        return str(found.get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _register(homes: dict[str, str], name: str, home: str) -> None:
    if homes.get(name, home) != home:
        raise UsageError(
            f"The name {name!r} is taken by {homes[name]}.", where=home, fix="Choose another name."
        )
    homes[name] = home


def _open(home: str) -> Callable[..., Any]:
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)
