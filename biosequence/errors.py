"""Errors that a user can act on: what happened, where, and what to do."""

from __future__ import annotations


class BioseqError(ValueError):
    """An error with its place and its mend; the command line prints the three as three lines.

    Parameters
    ----------
    what
        What is wrong, in one sentence.
    where
        The file, column or option it is about.
    fix
        What to do now; a command or an option where there is one.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__("\n".join(self.lines()))

    def __reduce__(self):
        # Keyword-only arguments do not survive the default way between processes (Dask).
        return _rebuild, (type(self), self.what, self.where, self.fix)

    def lines(self) -> tuple[str, ...]:
        """The message as the lines that are not empty: what, where, fix."""
        return tuple(line for line in (self.what, self.where, self.fix) if line)


def _rebuild(kind: type[BioseqError], what: str, where: str, fix: str) -> BioseqError:
    return kind(what, where=where, fix=fix)


class UsageError(BioseqError):
    """Options that contradict each other or name nothing (exit code 2)."""

    exit_code = 2


class InputError(BioseqError):
    """Input that cannot be used, or output that cannot be written (exit code 3)."""

    exit_code = 3


class ModelError(BioseqError):
    """A model that is missing, damaged or of another kind (exit code 4)."""

    exit_code = 4


class MissingExtraError(BioseqError):
    """An optional part that is not installed (exit code 5)."""

    exit_code = 5


class RemoteError(BioseqError):
    """A remote service that failed (exit code 6)."""

    exit_code = 6
