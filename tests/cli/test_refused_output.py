"""An output that cannot be written is refused, and a run that is stopped leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata as ad
import pytest
from bioseq_cli.main import main


@pytest.fixture
def source(liver_sample: Callable[..., ad.AnnData], tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    liver_sample(num_cells=40, num_genes=600).write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*args: object, code: int = 3) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["annotate", *map(str, args)])
        captured = capsys.readouterr()
        assert ended.value.code == code, captured.err
        assert captured.out == ""
        assert 2 <= len(captured.err.splitlines()) <= 3
        assert "defect" not in captured.err
        return captured.err

    return call


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root and the right to mount")
    yield folder
    # A thread of a reader may still hold a file for a moment.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def files(folder: Path) -> set[str]:
    return {str(item.relative_to(folder)) for item in folder.rglob("*") if item.is_file()}


@pytest.mark.parametrize("link", ["same", "dotted", "hard", "soft", "soft folder"])
def test_output_that_is_the_input(
    refused: Callable[..., str], source: Path, tmp_path: Path, link: str
) -> None:
    output = {
        "same": source,
        "dotted": source.parent / ".." / "in" / "cells.h5ad",
        "hard": tmp_path / "hard.h5ad",
        "soft": tmp_path / "soft.h5ad",
        "soft folder": tmp_path / "other" / "cells.h5ad",
    }[link]
    if link == "hard":
        output.hardlink_to(source)
    elif link == "soft":
        output.symlink_to(source)
    elif link == "soft folder":
        (tmp_path / "other").symlink_to(source.parent)
    content = source.read_bytes()
    assert "never changed" in refused(source, "-o", output)
    assert source.read_bytes() == content
    assert files(source.parent) == {"cells.h5ad"}


def test_report_that_is_the_input(refused: Callable[..., str], source: Path) -> None:
    content = source.read_bytes()
    refused(source, "--report", source)
    assert source.read_bytes() == content and files(source.parent) == {"cells.h5ad"}


@pytest.mark.parametrize("place", ["/proc/out.h5ad", "{source}/out.h5ad", "{source}/a/b.h5ad"])
@pytest.mark.parametrize("option", ["--output", "--report"])
def test_places_where_nothing_can_be_written(
    refused: Callable[..., str], source: Path, place: str, option: str
) -> None:
    refused(source, option, place.format(source=source))
    assert files(source.parent) == {"cells.h5ad"}


def test_output_that_is_a_folder(refused: Callable[..., str], source: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert "annotated.h5ad" in refused(source, "-o", tmp_path / "results")
    assert files(tmp_path) == {"in/cells.h5ad"}


@pytest.mark.skipif(os.geteuid() != 0, reason="a read-only disk needs root")
def test_read_only_disk(refused: Callable[..., str], source: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "--output" in refused(source, "-o", small_disk / "out.h5ad")


@pytest.mark.parametrize("foreseen", [True, False])
def test_full_disk(
    refused: Callable[..., str],
    source: Path,
    small_disk: Path,
    foreseen: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not foreseen:
        from cellmodels.writing import annotated, checks

        monkeypatch.setattr(annotated, "require_space", lambda *_: None)
        monkeypatch.setattr(checks, "require_space", lambda *_: None)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(230_000))
    assert "full" in refused(source, "--no-report", "-o", small_disk / "out.h5ad")
    assert files(small_disk) == {"filler"}


def test_report_that_does_not_fit_takes_the_output_with_it(
    refused: Callable[..., str], source: Path, small_disk: Path, tmp_path: Path
) -> None:
    (small_disk / "filler").write_bytes(bytes(250_000))
    refused(source, "-o", tmp_path / "out.h5ad", "--report", small_disk / "report.html")
    assert files(tmp_path) == {"in/cells.h5ad", "disk/filler"}


def test_report_that_fails_leaves_the_output_of_before(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cellmodels import reports

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    output = tmp_path / "out.h5ad"
    output.write_text("the output of before")
    monkeypatch.setattr(reports, "write_report", fail)
    with pytest.raises(SystemExit) as ended:
        main(["annotate", str(source), "-o", str(output)])
    assert ended.value.code == 1
    assert output.read_text() == "the output of before"
    assert files(tmp_path) == {"in/cells.h5ad", "out.h5ad"}


def test_output_that_fails_takes_the_report_with_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cellmodels import reports
    from cellmodels.writing import annotated

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(reports, "write_report", lambda _, path, **__: path.write_text("page"))
    monkeypatch.setattr(annotated, "put_results", fail)
    with pytest.raises(SystemExit) as ended:
        main(["annotate", str(source), "-o", str(tmp_path / "out.h5ad")])
    assert ended.value.code == 1
    assert files(tmp_path) == {"in/cells.h5ad"}


SLOW = """
import signal, sys, time
import cellmodels.{module} as module
from bioseq_cli.main import main

def slow(*args, **kwargs):
    print("here", file=sys.stderr, flush=True)
    time.sleep(3)

# A suite that was started in the background hands down that this signal is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
module.{name} = slow
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [("annotate.scoring", "_score_block"), ("writing.annotated", "put_results")],
)
def test_control_c_leaves_nothing(source: Path, tmp_path: Path, module: str, name: str) -> None:
    script = SLOW.format(module=module, name=name)
    command = [sys.executable, "-c", script, "annotate", str(source), "--no-report"]
    command += ["-o", str(tmp_path / "out.h5ad")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        while (line := running.stderr.readline()) and "here" not in line:
            pass
        running.send_signal(signal.SIGINT)
        _, message = running.communicate(timeout=30)
    assert running.returncode == 130
    assert message.split() == "Stopped. No output file was written.".split()
    assert files(tmp_path) == {"in/cells.h5ad"}


def test_the_installed_command_ends_as_promised(source: Path, tmp_path: Path) -> None:
    """One refusal and one success in a process of their own, from another folder."""
    command = [sys.executable, "-m", "bioseq_cli", "annotate", str(source), "--no-report", "-o"]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    bad = subprocess.run([*command, str(source)], **options)
    assert (bad.returncode, bad.stdout) == (3, "")
    assert bad.stderr.startswith("error: ") and len(bad.stderr.splitlines()) == 3
    good = subprocess.run([*command, "out.h5ad"], **options)
    assert good.returncode == 0, good.stderr
    assert files(tmp_path) == {"in/cells.h5ad", "out.h5ad"}
    assert "out.h5ad" in good.stdout
