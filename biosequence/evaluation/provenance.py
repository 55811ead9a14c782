"""What a report was made with: checksums of model and data, versions, options, seed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..provenance import PACKAGES, RunRecord, package_versions

if TYPE_CHECKING:
    from ..inference import LoadedModel
    from .suites import EvaluateRequest

_ALWAYS = ("limit", "batch_size", "chunk")
_VERSIONS = (*PACKAGES, "rdkit", "scikit-learn")


def made_with(
    request: EvaluateRequest, takes: Collection[str], loaded: Sequence[LoadedModel]
) -> dict[str, Any]:
    """The record of a run, as plain values.

    Parameters
    ----------
    request
        What was asked for.
    takes
        Fields that the suite reads.
    loaded
        Models that were used; none where the model was a file.
    """
    given = dataclasses.asdict(request)
    options = {name: given[name] for name in (*sorted(takes), *_ALWAYS)}
    inputs = {
        name: {"path": str(given[name]), "sha256": sha256_of(given[name])}
        for name in ("data", "train", "context")
        if name in takes and given[name] is not None
    }
    folders = sorted({one.path for one in loaded}) or [Path(request.model)]
    record = RunRecord(
        command=f"bioseq evaluate {request.suite}",
        options=options,
        seed=request.seed,
        device=str(loaded[0].device) if loaded else "cpu",
        model=request.model,
        model_sha256=_joint(folders),
        inputs=inputs,
        versions=package_versions(_VERSIONS),
    )
    return json.loads(record.to_json())


def sha256_of(path: str | Path) -> str:
    """The checksum of a file; of a folder, that of the names and checksums of its files.

    Examples
    --------
    >>> _ = Path("a.txt").write_text("")
    >>> sha256_of("a.txt")[:8]
    'e3b0c442'
    """
    base = Path(path)
    if base.is_file():
        return _of_file(base)
    digest = hashlib.sha256()
    for one in sorted(part for part in base.rglob("*") if part.is_file()):
        digest.update(f"{one.relative_to(base).as_posix()} {_of_file(one)}\n".encode())
    return digest.hexdigest()


def _joint(folders: Sequence[Path]) -> str:
    """The checksum of one model's weights, or of those of all tasks' models together."""
    found = []
    for folder in folders:
        files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else [folder]
        found += [_of_file(file) for file in files]
    if len(found) == 1:
        return found[0]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
