"""Is a prepared corpus still what its manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from biosequence.progress import progress

from .checksums import sha256_file
from .manifest import corpus_files, read_manifest


@dataclass(frozen=True)
class Verification:
    """What comparing a corpus with its manifest found.

    Attributes
    ----------
    files
        How many files the manifest names.
    differences
        A sentence for each file that is missing, altered, or not of the corpus.
    """

    files: int
    differences: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify_corpus(folder: str | Path) -> Verification:
    """Recompute every checksum of a prepared corpus, and name what differs.

    Raises
    ------
    InputError
        If the folder has no manifest of a corpus.
    """
    root = Path(folder)
    manifest = read_manifest(root)
    found = []
    for name, known in progress(manifest["files"].items(), what="verifying", unit="file"):
        path = root / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif path.stat().st_size != known["size"]:
            size = path.stat().st_size
            found.append(f"{name} has {size:,} bytes, and should have {known['size']:,}")
        elif sha256_file(path) != known["sha256"]:
            found.append(f"{name} was altered: its checksum is another one")
    for path in corpus_files(root):
        name = path.relative_to(root).as_posix()
        if name not in manifest["files"]:
            found.append(f"{name} does not belong to the corpus")
    return Verification(len(manifest["files"]), tuple(found))
