"""What goes where: results on stdout, everything for people on stderr."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

import click


@dataclass
class Session:
    """The switches of one run that every part of the command line obeys."""

    json: bool = False
    """Print one JSON object on stdout instead of text."""
    quiet: bool = False
    """Print nothing but errors and the result that was asked for."""
    debug: bool = False
    """Let tracebacks and third-party warnings through."""

    def say(self, line: str) -> None:
        """A line for people: on stdout, or nowhere with ``--json`` or ``--quiet``."""
        if not (self.json or self.quiet):
            click.echo(line)

    def result(self, value: Mapping[str, Any]) -> None:
        """The machine's answer, with ``--json`` only: one object on one line of stdout."""
        if self.json:
            click.echo(json.dumps(value, allow_nan=False))


@contextmanager
def steady_output(session: Session) -> Iterator[None]:
    """Inside, warnings are one line on stderr and ``--quiet`` also hides progress bars."""
    from contextlib import ExitStack

    from biosequence.progress import hidden_progress

    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        if not session.debug:
            warnings.showwarning = _one_line
            for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", category)
        if session.quiet:
            warnings.simplefilter("ignore")
            stack.enter_context(hidden_progress())
        yield


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = " ".join(str(message).split())
    print(f"warning: {text}", file=file or sys.stderr)
