"""Text files, plain or gzipped, read in bounded memory; what is no text is said to be so."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError

GZIP = b"\x1f\x8b"
# Small, because `peek` copies what is left of it.
BUFFER = 1 << 14
# No text file starts with these; their readers are elsewhere.
_KINDS = {
    b"\x89HDF": "an HDF5 file",
    b"PK\x03\x04": "a zip archive",
    b"BAM\x01": "a BAM file",
    b"BCF\x02": "a BCF file",
    b"PAR1": "a Parquet file",
    b"\xfd7zX": "an xz archive",
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
}


@contextmanager
def open_bytes(path: str | Path) -> Iterator[BinaryIO]:
    """A file of text as bytes, unpacked when it is gz or bgz, whatever its name ends in.

    Raises
    ------
    InputError
        If the file is missing, empty, no text, or an archive that is damaged or cut off; the last
        may come up only while it is read.
    """
    try:
        with Path(path).open("rb", buffering=BUFFER) as raw:
            packed = raw.peek(2)[:2] == GZIP
            unpacked = BufferedReader(gzip.GzipFile(fileobj=raw), BUFFER) if packed else raw
            _check_start(unpacked.peek(4096)[:4096], path)
            yield unpacked
    except FileNotFoundError as error:
        raise unreadable(path, "There is no such file.", "Check the path.") from error
    except IsADirectoryError as error:
        raise unreadable(path, "This is a folder.", "Give one file of it.") from error
    except PermissionError as error:
        raise unreadable(path, "The file may not be read.", "Check its permissions.") from error
    except EOFError as error:
        fix = "Copy or download it again: it is not whole."
        raise unreadable(path, "The gzip archive ends in the middle.", fix) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        fix = "Copy or download it again; `gzip -t` tests it."
        raise unreadable(path, "The gzip archive is damaged.", fix) from error


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    r"""Lines of a text file with their numbers, from 1; line ends (also CRLF) are taken off.

    Raises
    ------
    InputError
        As :func:`open_bytes`, and on bytes that are not UTF-8.

    Examples
    --------
    >>> _ = Path("two.txt").write_bytes(b"a\r\nb")
    >>> list(read_lines("two.txt"))
    [(1, 'a'), (2, 'b')]
    """
    with open_bytes(path) as handle:
        for number, line in enumerate(handle, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                what = f"Line {number} is no UTF-8 text."
                raise unreadable(path, what, "Save the file as UTF-8 text.", number) from error
            yield number, text.rstrip("\r\n")


def unreadable(path: str | Path, what: str, fix: str, line: int | None = None) -> InputError:
    """The error for a file that cannot be used, with the line where it is known."""
    return InputError(what, where=str(path) if line is None else f"{path}, line {line}", fix=fix)


def _check_start(start: bytes, path: str | Path) -> None:
    if not start.strip():
        raise unreadable(path, "The file is empty.", "Give a file that holds something.")
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            raise unreadable(path, f"This is {kind}, not text.", "Give it as text, plain or gzip.")
    if b"\0" in start:
        raise unreadable(path, "This is no text: it has zero bytes.", "Give a plain text file.")
