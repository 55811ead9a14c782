"""A file appears whole or not at all."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest

from biosequence.atomic import atomic_path
from biosequence.errors import InputError


def test_it_appears_when_the_block_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "new" / "x.txt"
    with atomic_path(target) as partial:
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_a_file_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        with atomic_path(tmp_path / "file" / "x.txt"):
            pass


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept.txt").write_text("kept")
    with pytest.raises(InputError, match="cannot be written"):
        with atomic_path(tmp_path / "folder") as partial:
            partial.write_text("new")
    assert (tmp_path / "folder" / "kept.txt").read_text() == "kept"
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]


def test_a_folder_that_is_still_written_to_goes_too(tmp_path: Path) -> None:
    """As zarr's threads do, which go on for a moment after one of them failed."""
    done = threading.Event()

    def write(folder: Path) -> None:
        for number in range(200):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (folder / f"{number}.txt").write_text("late")
                time.sleep(0.0005)
        done.set()

    with pytest.raises(ValueError, match="full"), atomic_path(tmp_path / "store") as partial:
        partial.mkdir()
        threading.Thread(target=write, args=(partial,)).start()
        time.sleep(0.005)
        raise ValueError("full")
    assert done.wait(10)
    assert list(tmp_path.iterdir()) == []
