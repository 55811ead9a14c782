"""Bars appear on a terminal only, and never with progress hidden."""

from __future__ import annotations

import sys

import pytest

from biosequence.progress import hidden_progress, progress


def test_no_bar_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3))) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_unless_it_is_hidden(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with hidden_progress():
        assert list(progress(range(3), what="reading")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    assert list(progress(range(3), what="reading")) == [0, 1, 2]
    assert "reading" in capsys.readouterr().err
