"""Every way a command can end badly: an exit code and three lines on stderr."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from biosequence.errors import BioseqError

from .console import Session

EXIT_DEFECT = 1
EXIT_USAGE = 2
EXIT_INPUT = 3
EXIT_INTERRUPTED = 130


def run(command: click.Command, args: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave Python with the exit code that the user was promised."""
    session = Session()
    try:
        code = command.main(args, prog_name="bioseq", standalone_mode=False, obj=session)
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes becomes three lines
        if session.debug:
            traceback.print_exc()
        lines, code = describe(error)
        for line in lines:
            click.echo(line, err=True)
    sys.exit(code if isinstance(code, int) else 0)


def describe(error: BaseException) -> tuple[tuple[str, ...], int]:
    """The lines to print for an error, and its exit code."""
    if isinstance(error, BioseqError):
        return _marked(error.lines()), error.exit_code
    if isinstance(error, click.Abort):
        return ("Stopped. No output file was written.",), EXIT_INTERRUPTED
    if isinstance(error, click.ClickException):
        return _usage(error), EXIT_USAGE
    if isinstance(error, MemoryError):
        what = "The machine ran out of memory."
        return _marked((what, "Give the job more memory, or lower --batch-size.")), EXIT_DEFECT
    if isinstance(error, OSError) and error.filename:
        return _system(error), EXIT_INPUT
    return _defect(error), EXIT_DEFECT


def _marked(lines: Sequence[str]) -> tuple[str, ...]:
    # The word "error" is what people and log filters search for.
    return (f"error: {lines[0]}", *(f"  {line}" for line in lines[1:]))


def _usage(error: click.ClickException) -> tuple[str, ...]:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "bioseq"
    what = " ".join(error.format_message().split())
    return _marked((what, f"command: {path}", f"See `{path} --help`."))


def _system(error: OSError) -> tuple[str, ...]:
    fix = "Check the path and the permissions."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        fix = "Free some space, or write to another disk with --output."
    return _marked((f"{error.strerror or 'The file cannot be used'}.", str(error.filename), fix))


def _defect(error: BaseException) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    text = " ".join(str(error).split())
    what = f"This is a defect in bioseq: {type(error).__name__}: {text}"
    fix = "Please report it with the output of the same command with --debug."
    return _marked((what, place, fix))
