"""A file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from biosequence.atomic import atomic_file
from biosequence.errors import InputError


def test_it_appears_when_the_block_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "new" / "x.txt"
    with atomic_file(target) as partial:
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(target) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_a_file_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        with atomic_file(tmp_path / "file" / "x.txt"):
            pass
