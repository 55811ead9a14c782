"""The README.md of a converted folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__

if TYPE_CHECKING:
    from .converting import Converted

_WEIGHTS = (".safetensors", ".bin", ".pt", ".ckpt")


def model_card(
    done: Converted, source: Path, config: Any, files: Sequence[Path] | None = None
) -> str:
    """README.md of a converted folder: where it came from, and what it is.

    `files` are those with weights; None: all that lie in `source` itself.
    """
    facts = {
        "made from": f"`{source.name}` ({done.source_format})",
        **{f"sha256 of {name}": f"`{value}`" for name, value in _checksums(source, files).items()},
        "class": f"`{done.model_class}`",
        "parameters": f"{done.parameters:,}",
        "vocabulary": f"{config.vocab_size} tokens",
        "tokenizer": done.tokenizer or "not known to bioseq; see the source",
        "converted by": f"bioseq-toolkit {__version__}, `bioseq convert`",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    left_out = "\n".join(f"- `{key}`: {why}" for key, why in done.dropped.items())
    return (
        f"# {done.folder.name}\n\n| | |\n|---|---|\n{rows}\n\n"
        f"{len(done.renamed)} tensors were taken over, {len(done.dropped)} left out.\n"
        + (f"\n{left_out}\n" if left_out else "")
        + "\nLicence and intended use are those of the checkpoint that it was made from.\n"
    )


def _checksums(source: Path, files: Sequence[Path] | None) -> dict[str, str]:
    """sha256 of the files with weights, by name."""
    folder = source if source.is_dir() else source.parent
    if files is None:
        files = [source]
    if files == [source] and source.is_dir():
        files = sorted(path for path in source.iterdir() if path.suffix in _WEIGHTS)
    found = {}
    for path in files:
        with path.open("rb") as file:
            name = path.relative_to(folder).as_posix()
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
