"""One table in three files that agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.evaluation import Column, Plot, Report, write_report
from biosequence.evaluation.provenance import sha256_of


def report(kind: str = "bar", **more) -> Report:
    rows = (
        {"task": "H3|x", "model": "ours", "mcc": 0.75, "mcc_low": 0.7, "mcc_high": 0.8},
        {"task": "H4", "model": "kmer", "mcc": None, "mcc_low": None, "mcc_high": None},
        {"task": "H5", "model": "kmer", "mcc": -0.25, "extra": float("nan")},
    )
    columns = (Column("task", "task"), Column("mcc", "MCC", "{:.3f}", interval=True))
    plot = Plot(kind, "task", "mcc", "MCC", group="model")
    options = {"summary": {"mean": 0.25}, "notes": ("Mind this.",)} | more
    return Report(suite="nt", title="NT", columns=columns, rows=rows, plot=plot, **options)


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_three_files_appear_and_agree(tmp_path: Path, kind: str) -> None:
    paths = write_report(report(kind), tmp_path / "deep" / "result.json")
    assert [path.name for path in paths] == ["result.json", "result.md", "result.png"]
    found = json.loads(paths[0].read_text())
    page = paths[1].read_text()
    assert found["rows"][0]["mcc"] == 0.75
    assert "| H3\\|x | 0.750 (0.700 to 0.800) |" in page
    assert "| H4 | - |" in page
    assert found["rows"][2]["extra"] is None
    assert "Mind this." in page
    for row in found["rows"]:
        assert row["task"].replace("|", "\\|") in page
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "deep").iterdir())) == 3


def test_a_picture_is_the_same_every_time(tmp_path: Path) -> None:
    one = write_report(report(), tmp_path / "a")[2].read_bytes()
    assert one == write_report(report(), tmp_path / "b")[2].read_bytes()


def test_an_empty_table_can_be_drawn(tmp_path: Path) -> None:
    empty = Report(
        suite="nt", title="NT", columns=(), rows=(), summary={}, plot=Plot("bar", "a", "b", "c")
    )
    assert write_report(empty, tmp_path / "a")[2].is_file()


def test_a_failure_leaves_no_file(tmp_path: Path, monkeypatch) -> None:
    from biosequence.evaluation import writing

    def broken(*given) -> None:
        raise RuntimeError

    monkeypatch.setattr(writing, "draw", broken)
    with pytest.raises(RuntimeError):
        write_report(report(), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write_report(report(), tmp_path / "file" / "a")


def test_checksums_follow_content(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("1")
    first = sha256_of(tmp_path / "d")
    (tmp_path / "d" / "a").write_text("2")
    assert sha256_of(tmp_path / "d") != first
    (tmp_path / "d" / "a").write_text("1")
    assert sha256_of(tmp_path / "d") == first


def test_importing_the_room_is_light() -> None:
    code = (
        "import sys, biosequence.evaluation;"
        "print(sorted({'torch', 'sklearn', 'matplotlib', 'rdkit', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
