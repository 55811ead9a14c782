"""What `bioseq doctor` looks at. Each function returns facts; none prints or mends."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from biosequence import __version__
from biosequence.device import available_devices
from biosequence.extras import DISTRIBUTION, EXTRAS, install_line, missing_modules


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's page."""

    section: str
    name: str
    found: str
    ok: bool = True
    required: bool = False
    """Whether bioseq cannot work when this is not ok."""
    fix: str = ""
    """What to run or do when it is not ok."""


def examine() -> list[Finding]:
    """All findings, in the order in which they are shown."""
    return [
        *system(),
        *packages(),
        *devices(),
        *back_ends(),
        *extras(),
        *bundled_data(),
        *folders(),
    ]


def system() -> Iterator[Finding]:
    """Versions of bioseq and Python, the machine and where bioseq lies."""
    yield Finding(section="System", name="bioseq", found=__version__)
    yield Finding(
        section="System", name="python", found=f"{platform.python_version()} ({sys.executable})"
    )
    yield Finding(section="System", name="platform", found=platform.platform())
    yield Finding(section="System", name="processors", found=str(os.cpu_count()))


def packages() -> Iterator[Finding]:
    """Every package that bioseq needs, with the version found against the one asked for."""
    from packaging.requirements import Requirement

    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        yield Finding(
            section="Packages",
            name=DISTRIBUTION,
            found="not installed, only on the path",
            ok=False,
            required=True,
            fix=f'pip install "{DISTRIBUTION}"',
        )
        return
    for requirement in map(Requirement, lines):
        # Evaluated without an extra, the marker leaves the base packages of this platform.
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = ""
        ok = bool(found) and requirement.specifier.contains(found, prereleases=True)
        yield Finding(
            section="Packages",
            name=requirement.name,
            found=f"{found or 'missing'}" + ("" if ok else f" (needs {requirement.specifier})"),
            ok=ok,
            required=True,
            fix=f'pip install "{requirement.name}{requirement.specifier}"',
        )


def devices() -> Iterator[Finding]:
    """Devices that torch can use."""
    try:
        found = available_devices()
    except (ImportError, OSError) as error:
        yield Finding(
            section="Devices",
            name="torch",
            found=f"does not load: {error}",
            ok=False,
            required=True,
            fix="pip install --force-reinstall torch",
        )
        return
    for name, what in found.items():
        yield Finding(section="Devices", name=name, found=what)


def back_ends() -> Iterator[Finding]:
    """Compilers of fast code that work here, and what each kernel runs on."""
    try:
        import numba

        yield Finding(section="Back ends", name="numba (CPU)", found=numba.__version__)
    except (ImportError, OSError) as error:
        yield Finding(
            section="Back ends",
            name="numba (CPU)",
            found=f"does not load: {error}",
            ok=False,
            fix="pip install --force-reinstall numba",
        )
    triton = importlib.util.find_spec("triton") is not None
    yield Finding(
        section="Back ends",
        name="triton (GPU)",
        found=version("triton") if triton else "not there; the CPU needs none",
    )
    from biosequence.kernels import backends

    for op, choices in backends().items():
        ready = [name for name, reason in choices if not reason]
        yield Finding(section="Back ends", name=f"kernel {op}", found=", ".join(ready))


def extras() -> Iterator[Finding]:
    """Optional parts, each with the line that installs it."""
    for extra in sorted(EXTRAS):
        missing = missing_modules(extra)
        yield Finding(
            section="Optional parts",
            name=extra,
            found=f"missing: {', '.join(missing)}" if missing else "installed",
            ok=not missing,
            fix=install_line(extra),
        )


def bundled_data() -> Iterator[Finding]:
    """The bundled model and tables, compared with the checksums that their recipes wrote."""
    root = library_folder()
    lists = [*root.rglob("SOURCE.toml"), *root.glob("default/config.json")]
    expected = {path: wanted for source in lists for path, wanted in checksums(source)}
    if not expected:
        yield _damaged("cellmodels", "no bundled data found")
    for path, wanted in sorted(expected.items()):
        name = str(path.relative_to(root))
        if not path.is_file():
            yield _damaged(name, "missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            yield _damaged(name, "changed since it was made")
        else:
            size = path.stat().st_size / 1e6
            yield Finding(section="Bundled data", name=name, found=f"{size:.2f} MB, unchanged")


def library_folder() -> Path:
    """Where the package `cellmodels` lies, found without importing it."""
    spec = importlib.util.find_spec("cellmodels")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else Path("cellmodels")


def checksums(source: Path) -> Iterator[tuple[Path, str]]:
    """Path and SHA-256 of the files that a SOURCE.toml or a model's config.json vouches for."""
    if source.suffix == ".json":
        yield source.with_name("model.safetensors"), json.loads(source.read_bytes())["sha256"]
        return
    tables = [tomllib.loads(source.read_text(encoding="utf-8"))]
    while tables:
        for name, facts in tables.pop().items():
            if isinstance(facts, dict) and "sha256" in facts:
                yield source.parent / name, facts["sha256"]
            elif isinstance(facts, dict):
                tables.append(facts)


def folders() -> Iterator[Finding]:
    """Folders that must be writable: for temporary files and for downloaded checkpoints."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    temporary = Path(tempfile.gettempdir())
    for name, folder, variable in (
        ("temporary files", temporary, "TMPDIR"),
        ("checkpoints (--model ID)", home, "HF_HOME"),
    ):
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        ok = os.access(existing, os.W_OK)
        yield Finding(
            section="Folders",
            name=name,
            found=f"{folder}" + ("" if ok else " cannot be written"),
            ok=ok,
            fix=f"export {variable}=/a/folder/of/yours",
        )


def _damaged(name: str, found: str) -> Finding:
    return Finding(
        section="Bundled data",
        name=name,
        found=found,
        ok=False,
        required=True,
        fix=f'pip install --force-reinstall --no-deps "{DISTRIBUTION}"',
    )
