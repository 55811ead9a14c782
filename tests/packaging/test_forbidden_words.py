"""No file names a package registry's host or a path of somebody's machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that this file does not hold the words that it looks for.
HOSTS = [".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("download.pytorch", "org"), ("anaconda", "org"),
    ("deb.debian", "org"), ("npmjs", "com"), ("crates", "io"),
)]  # fmt: skip
PLACES = ["/".join(parts) for parts in (("", "work", ""), ("", "root", ""), ("", "opt", "pypi"))]
WORDS = re.compile("|".join(map(re.escape, HOSTS + PLACES)))
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".cfg",
    ".txt",
    ".cff",
    ".html",
    ".j2",
    ".json",
    ".ipynb",
    ".css",
    "",
}


def tracked() -> Iterator[Path]:
    """Files that git has or would take; in a copy without git, all that are not hidden."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        names = [ROOT / name for name in done.stdout.splitlines()]
    else:
        skipped = {"build", "dist", "demo", "_build", "__pycache__"}
        names = [
            path
            for path in ROOT.rglob("*")
            if not any(p in skipped or p[0] == "." for p in path.relative_to(ROOT).parts)
        ]
    yield from (path for path in names if path.is_file() and path.suffix in TEXT)


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := WORDS.search(line))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("word", [HOSTS[0], f"{PLACES[0]}main", "https://" + HOSTS[1] + "/x"])
def test_a_planted_word_is_caught(word: str) -> None:
    assert WORDS.search(f"see {word}")


def test_prose_about_work_passes() -> None:
    assert not WORDS.search("the work/life of a network, cellmodels/workers")
