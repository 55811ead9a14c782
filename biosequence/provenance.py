"""What a result was made with, as one JSON string that any file format can carry."""

from __future__ import annotations

import dataclasses
import json
import platform as platform_module
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ._version import __version__

PACKAGES = ("anndata", "numpy", "pandas", "scanpy", "scipy", "torch", "transformers")


def package_versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Installed version of each distribution; those that are not installed are left out."""
    versions = {"bioseq-toolkit": __version__}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything a reader needs to repeat a run.

    Build one with keyword arguments; the fields about this machine fill themselves.
    """

    command: str
    """What was run, such as ``"bioseq annotate"``."""
    options: Mapping[str, Any]
    """Every option with the value that was used."""
    seed: int
    """Seed of all random generators."""
    device: str = "cpu"
    """Device that did the work."""
    model: str = ""
    """Name of the model."""
    model_sha256: str = ""
    """Checksum of the model's weights or tables."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What was read: path, number of cells and the checks' findings."""
    versions: Mapping[str, str] = field(default_factory=package_versions)
    """Installed versions of the packages that matter."""
    python: str = field(default_factory=platform_module.python_version)
    """Version of Python."""
    platform: str = field(default_factory=platform_module.platform)
    """Operating system and machine."""
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """When the record was made, UTC, ISO 8601."""

    def to_json(self) -> str:
        """The record as one line of JSON; paths become text, other unknown objects are refused."""
        return json.dumps(dataclasses.asdict(self), default=_plain, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """The record that :meth:`to_json` wrote."""
        return cls(**json.loads(text))


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    # numpy scalars and arrays know their plain-Python form.
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{type(value).__name__} cannot be part of a run record"
    raise TypeError(msg)
