"""Checksums of files, in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_PIECE = 1 << 20


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Examples
    --------
    >>> _ = Path("a.txt").write_bytes(b"")
    >>> sha256_file(Path("a.txt"))[:12]
    'e3b0c44298fc'
    """
    found = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def sha256_tree(folder: Path, paths: Iterable[Path]) -> tuple[str, int, int]:
    """One checksum of many files of a folder, how many they are, and their bytes.

    It is the SHA-256 of the lines `sha256  name` of the files, sorted by name.
    """
    found, count, size = hashlib.sha256(), 0, 0
    for path in sorted(paths):
        name = path.relative_to(folder).as_posix()
        found.update(f"{sha256_file(path)}  {name}\n".encode())
        count, size = count + 1, size + path.stat().st_size
    return found.hexdigest(), count, size
