"""However a command ends, the user gets the promised exit code and at most three lines."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from bioseq_cli.failures import run
from bioseq_cli.main import main
from bioseq_cli.options import output_switches

from biosequence import errors

Caught = tuple[int, str, str]


@pytest.fixture
def outcome(capsys: pytest.CaptureFixture[str]) -> Callable[..., Caught]:
    """Run a command whose body is the given function; code, stdout and stderr."""

    def call(body: Callable[[], object], *args: str) -> Caught:
        command = click.command("try")(output_switches(body))
        with pytest.raises(SystemExit) as ended:
            run(command, list(args))
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def failing(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("what", where="where", fix="fix"), 2),
        (errors.InputError("what", where="where", fix="fix"), 3),
        (errors.ModelError("what", where="where", fix="fix"), 4),
        (errors.MissingExtraError("what", where="where", fix="fix"), 5),
        (errors.RemoteError("what", where="where", fix="fix"), 6),
    ],
)
def test_our_errors_are_three_lines(
    outcome: Callable[..., Caught], error: errors.BioseqError, code: int
) -> None:
    assert outcome(failing(error)) == (code, "", "error: what\n  where\n  fix\n")


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a.h5ad"), 3, "a.h5ad"),
        (OSError(errno.ENOSPC, "No space left on device", "b.h5ad"), 3, "--output"),
        (MemoryError(), 1, "--batch-size"),
        (RuntimeError("some\nthing"), 1, "RuntimeError: some thing"),
        (click.BadParameter("no"), 2, "--help"),
    ],
)
def test_other_errors_are_three_lines_at_most(
    outcome: Callable[..., Caught], error: Exception, code: int, word: str
) -> None:
    ended, out, err = outcome(failing(error))
    assert (ended, out) == (code, "")
    assert 2 <= len(err.splitlines()) <= 3
    assert err.startswith("error: ")
    assert word in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(outcome: Callable[..., Caught]) -> None:
    code, _, err = outcome(failing(errors.InputError("what")), "--debug")
    assert code == 3
    assert "Traceback" in err
    assert err.endswith("error: what\n")


def test_control_c_is_one_line_and_130(outcome: Callable[..., Caught]) -> None:
    code, out, err = outcome(failing(KeyboardInterrupt()))
    assert (code, out) == (130, "")
    assert err.split() == "Stopped. No output file was written.".split()


def test_success_is_zero_and_a_chosen_code_is_kept(outcome: Callable[..., Caught]) -> None:
    assert outcome(lambda: None) == (0, "", "")
    assert outcome(lambda: click.get_current_context().exit(5))[0] == 5


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["anotate"], "No such command"),
        (["annotate"], "INPUT"),
        (["annotate", "x.h5ad", "--nope"], "--nope"),
        (["annotate", "x.h5ad", "--min-confidence", "2"], "--min-confidence"),
        (["annotate", "x.h5ad", "--report", "r.html", "--no-report"], "--no-report"),
        (["annotate", "x.h5ad", "--cluster-key", "leiden", "--no-cluster"], "--no-cluster"),
        (["annotate", "x.h5ad", "--llm", "openai/x"], "--method llm"),
        (["annotate", "x.h5ad", "--candidates", " , "], "--candidates"),
    ],
)
def test_wrong_usage_is_two(capsys: pytest.CaptureFixture[str], args: list[str], word: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(args)
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    assert len(captured.err.splitlines()) <= 3
    assert word in captured.err


def test_a_closed_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "bioseq_cli", "cite"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.returncode != -signal.SIGSEGV
