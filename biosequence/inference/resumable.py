"""Long runs that can be stopped: rows gather in a partial file and become the output at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ..atomic import atomic_path
from ..errors import InputError

_MARK = "bioseq_partial"
_WHOLE = 1 << 26
_SAMPLE = 1 << 20


def fingerprint(options: Mapping[str, Any], files: Iterable[str | Path] = ()) -> str:
    """A checksum of what decides a result: the options, and the files that are read.

    Files above 64 MiB count with their size, their time of change, and their first and last MiB.

    Parameters
    ----------
    options
        Plain values that JSON can hold; paths become text.
    files
        Files that are read; a folder counts with the files in it.

    Raises
    ------
    InputError
        A file cannot be read.

    Examples
    --------
    >>> fingerprint({"seed": 1}) == fingerprint({"seed": 1})
    True
    >>> fingerprint({"seed": 1}) == fingerprint({"seed": 2})
    False
    """
    digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode())
    for file in files:
        path = Path(file)
        for part in sorted(path.iterdir()) if path.is_dir() else [path]:
            if part.is_file() or part == path:
                digest.update(part.name.encode())
                _add_file(digest, part)
    return digest.hexdigest()


class ResumableRows:
    r"""Rows of a result that survive a stop; the output appears only when all are there.

    Rows are kept in ``NAME.partial`` beside the output, one JSON object a line, after a line that
    holds `key`. A row that was cut off by the stop is dropped.

    Parameters
    ----------
    output
        The file to make in the end.
    key
        What :func:`fingerprint` gave for options and input.
    resume
        Go on with the partial file where there is one; otherwise begin anew.

    Raises
    ------
    InputError
        The partial file is of other options or other input, or the folder cannot be written to.

    Examples
    --------
    >>> with ResumableRows("out.txt", "abc") as rows:
    ...     rows.append({"n": 1})
    >>> with ResumableRows("out.txt", "abc", resume=True) as rows:
    ...     done = rows.count
    ...     rows.append({"n": 2})
    ...     rows.finish(lambda rows: (f"{row['n']}\n" for row in rows))
    >>> done, Path("out.txt").read_text(), Path("out.txt.partial").exists()
    (1, '1\n2\n', False)
    """

    def __init__(self, output: str | Path, key: str, *, resume: bool = False) -> None:
        self.output = Path(output)
        self.path = self.output.with_name(self.output.name + ".partial")
        self.key = key
        self.count = 0
        """Rows that are there."""
        self._file = self._opened(resume)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row of plain values; it is on disk when this returns."""
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        self._file.write(text.encode() + b"\n")
        self._file.flush()
        self.count += 1

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows so far, from the first, one at a time."""
        with self.path.open("rb") as file:
            file.readline()
            for line, _ in zip(file, range(self.count), strict=False):
                yield json.loads(line)

    def finish(self, render: Callable[[Iterator[dict[str, Any]]], Iterable[str | bytes]]) -> None:
        """Write the output from all rows, under its name only when whole, and drop the partial.

        Parameters
        ----------
        render
            Pieces of the output file, as text or bytes, from the rows.
        """
        with atomic_path(self.output) as partial, partial.open("wb") as file:
            for piece in render(self.rows()):
                file.write(piece.encode() if isinstance(piece, str) else piece)
        self.discard()

    def discard(self) -> None:
        """Drop the partial file: what it held has been written elsewhere, whole."""
        self._file.close()
        self.path.unlink()

    def close(self) -> None:
        """Stop here; a partial file without rows is removed."""
        self._file.close()
        if not self.count:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._file.closed:
            self.close()

    def _opened(self, resume: bool) -> BinaryIO:
        try:
            if self.output.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            self.output.parent.mkdir(parents=True, exist_ok=True)
            if resume and self.path.is_file():
                return self._continued()
            file = self.path.open("wb")
        except OSError as error:
            raise InputError(
                f"The output cannot be written ({error.strerror}).",
                where=str(self.output),
                fix="Name a file in a folder where you may write.",
            ) from error
        file.write(json.dumps({_MARK: 1, "key": self.key}).encode() + b"\n")
        file.flush()
        return file

    def _continued(self) -> BinaryIO:
        file = self.path.open("r+b")
        try:
            head = json.loads(file.readline())
            known = head.get("key") if head[_MARK] == 1 else None
        except (ValueError, KeyError, TypeError, AttributeError):
            known = None
        if known != self.key:
            file.close()
            raise InputError(
                "The partial output is of other options or other input.",
                where=str(self.path),
                fix="Give the same options and files as before, or begin anew without --resume.",
            )
        end = file.tell()
        for line in file:
            if not line.endswith(b"\n") or not _is_row(line):
                break
            self.count += 1
            end += len(line)
        file.truncate(end)
        file.seek(end)
        return file


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _add_file(digest: Any, path: Path) -> None:
    try:
        facts = path.stat()
        with path.open("rb") as file:
            if facts.st_size <= _WHOLE:
                digest.update(hashlib.file_digest(file, "sha256").digest())
                return
            digest.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
            digest.update(file.read(_SAMPLE))
            file.seek(-_SAMPLE, 2)
            digest.update(file.read(_SAMPLE))
    except OSError as error:
        absent = isinstance(error, FileNotFoundError)
        raise InputError(
            "There is no such file." if absent else f"It cannot be read ({error.strerror}).",
            where=str(path),
            fix="Check the path and the permissions.",
        ) from error
