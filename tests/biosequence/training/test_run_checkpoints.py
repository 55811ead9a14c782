"""A checkpoint is whole or it is none."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.training.checkpoints import (
    checkpoint_fault,
    checkpoint_path,
    checkpoint_steps,
    new_checkpoint,
    prune_checkpoints,
    remove_partial,
)


def write(folder: Path, step: int) -> Path:
    path = checkpoint_path(folder, step)
    with new_checkpoint(path, main=True, barrier=lambda: None) as partial:
        (partial / "model.safetensors").write_bytes(b"x" * 100)
        (partial / "part").mkdir()
        (partial / "part" / "state.pt").write_bytes(b"y" * 50)
    return path


def test_a_written_checkpoint_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path, 3)
    assert checkpoint_fault(path) is None
    assert checkpoint_steps(tmp_path) == [3]
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint-3"]


@pytest.mark.parametrize("harm", ["truncate", "remove", "unlisted", "garbled"])
def test_a_damaged_one_is_passed_over_and_named(tmp_path: Path, harm: str) -> None:
    write(tmp_path, 3)
    path = write(tmp_path, 6)
    if harm == "truncate":
        (path / "part" / "state.pt").write_bytes(b"y" * 49)
    elif harm == "remove":
        (path / "model.safetensors").unlink()
    elif harm == "unlisted":
        (path / "complete.json").unlink()
    else:
        (path / "complete.json").write_text('{"files": ')
    with pytest.warns(UserWarning, match="checkpoint-6 is passed over"):
        assert checkpoint_steps(tmp_path) == [3]


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("unexpected pos 64 vs 0")],
)
def test_a_full_disk_is_said_and_leaves_the_last_one(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 3)
    usage = shutil.disk_usage(tmp_path)

    def fail() -> None:
        checkpoint = checkpoint_path(tmp_path, 6)
        with new_checkpoint(checkpoint, main=True, barrier=lambda: None) as partial:
            (partial / "model.safetensors").write_bytes(b"x")
            full = usage._replace(free=0)
            monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
            raise error

    with pytest.raises(InputError, match="The disk is full"):
        fail()
    assert checkpoint_steps(tmp_path) == [3]
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint-3"]


def test_no_room_is_seen_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 3)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(InputError, match="The disk is full: about"):
        write(tmp_path, 6)
    assert checkpoint_steps(tmp_path) == [3]


def test_the_last_ones_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        write(tmp_path, step)
    prune_checkpoints(tmp_path, 2, best=1)
    assert checkpoint_steps(tmp_path) == [1, 3, 4]


def test_rests_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint-9.part").mkdir()
    write(tmp_path, 3)
    remove_partial(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint-3"]
