"""The file that says what a prepared corpus is, what it was made from, and what is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from biosequence import __version__
from biosequence.errors import InputError

from .checksums import sha256_file

FORMAT = 1
MANIFEST = "manifest.json"


def write_manifest(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Write `manifest.json` with the checksum of every file of the folder, and return it.

    It holds no time, so that the same sources and options give the same bytes.
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_file(path),
            "size": path.stat().st_size,
        }
        for path in corpus_files(folder)
    }
    manifest = {"format": FORMAT, "made_by": f"bioseq-toolkit {__version__}", **facts}
    manifest["files"] = files
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a prepared corpus.

    Raises
    ------
    InputError
        If there is none, or it cannot be read.
    """
    path = Path(folder) / MANIFEST
    fix = "Name a folder that `bioseq data prepare` made."
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT or not isinstance(found["files"], dict):
            what = f"The manifest is of format {found['format']}; this release reads {FORMAT}."
            raise InputError(what, where=str(path), fix="Prepare the corpus again.")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError("There is no manifest.json here.", where=str(folder), fix=fix) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "The manifest is not that of a corpus.", where=str(path), fix=fix
        ) from error
    return found


def corpus_files(folder: Path) -> list[Path]:
    """All files of a corpus but its manifest, sorted by name."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST
    )
