"""What setup.cfg lists, what lies on the disk and what the wheel carries are the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "biosequence": "biosequence",
    "cellmodels": "cellmodels",
    "cli": "bioseq_cli",
    "data_recipes": "bioseq_recipes",
}
LIMIT_MB = 60


def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def listed() -> list[str]:
    return setup()["options"]["packages"].split()


def files() -> list[Path]:
    """Every file of the four rooms, relative to the root."""
    return sorted(
        path.relative_to(ROOT)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def installed_name(path: Path) -> str:
    return "/".join([FOLDERS[path.parts[0]], *path.parts[1:]])


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built from a copy so that no stale build folder can leak in."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in FOLDERS:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (built,) = (folder / "out").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_every_package_on_disk_is_listed() -> None:
    on_disk = {
        ".".join(installed_name(path.parent / "x").split("/")[:-1])
        for path in files()
        if path.suffix == ".py"
    }
    missing, gone = sorted(on_disk - set(listed())), sorted(set(listed()) - on_disk)
    assert not missing, f"add to packages in setup.cfg: {missing}"
    assert not gone, f"take out of packages in setup.cfg: {gone}"
    assert listed() == sorted(listed())


def test_every_package_has_an_init() -> None:
    folders = {path.parent for path in files() if path.suffix == ".py"}
    assert [
        str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()
    ] == []


def test_the_wheel_carries_every_file_and_no_other(contents: set[str]) -> None:
    wanted = {installed_name(path) for path in files()}
    carried = {name for name in contents if ".dist-info/" not in name}
    assert not wanted - carried, "add to package_data in setup.cfg"
    assert not carried - wanted


def test_the_names_of_folders_never_reach_site_packages(contents: set[str]) -> None:
    tops = {name.split("/")[0] for name in contents if ".dist-info/" not in name}
    assert tops == set(FOLDERS.values())


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LIMIT_MB * 1e6


def test_the_wheel_names_its_command_and_licence(wheel: Path, contents: set[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name for name in contents if name.endswith("/METADATA")).rpartition("/")[0]
        points = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "bioseq = bioseq_cli.main:main" in points
    assert "License: Apache-2.0" in metadata or "License-Expression: Apache-2.0" in metadata
    assert f"{info}/licenses/LICENSE" in contents


def test_requirements_are_floors() -> None:
    lines = requires("bioseq-toolkit") or []
    assert lines
    assert [line for line in lines if "==" in line.partition(";")[0]] == []


def test_constraints_pin_every_requirement() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in text if "==" in line and line[0] != "#"}
    options = setup()
    wanted = options["options"]["install_requires"].split("\n")
    for extra in options["options.extras_require"].values():
        wanted += extra.split("\n")
    names = {line.partition(">=")[0].strip().lower() for line in wanted if ">=" in line}
    assert sorted(names - pinned) == []
