"""Random access to bgz files: gzip in blocks, as `bgzip` writes them (SAM specification, 4.1)."""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from .text import GZIP, unreadable

_HEADER = struct.Struct("<12xBBHH")


def is_bgzf(path: str | Path) -> bool:
    """Whether a gzip file is in blocks that can be read one by one."""
    with Path(path).open("rb") as handle:
        start = handle.read(18)
    return start[:2] == GZIP and len(start) == 18 and start[12:14] == b"BC"


class BgzfReader:
    """The unpacked bytes of a bgz file, anywhere in it.

    The headers of all blocks are read once; each call unpacks the blocks that it needs.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If a block is damaged or cut off.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._starts: list[int] = []
        sizes = []
        with Path(path).open("rb") as handle:
            while (block := self._next_block(handle)) is not None:
                self._starts.append(block[0])
                sizes.append(block[1])
        self._ends = list(accumulate(sizes))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read_at(self, handle: BinaryIO, offset: int, size: int) -> bytes:
        """Unpacked bytes from `offset`; `handle` is the open file."""
        number = bisect_right(self._ends, offset)
        before = self._ends[number - 1] if number else 0
        parts, have = [], before
        while number < len(self._starts) and have < offset + size:
            handle.seek(self._starts[number])
            parts.append(self._unpack(handle))
            have = self._ends[number]
            number += 1
        return b"".join(parts)[offset - before : offset - before + size]

    def _next_block(self, handle: BinaryIO) -> tuple[int, int] | None:
        start = handle.tell()
        header = handle.read(18)
        if not header:
            return None
        if len(header) < 18 or header[:2] != GZIP or header[12:14] != b"BC":
            raise self._damaged()
        total = _HEADER.unpack(header)[3] + 1
        handle.seek(start + total - 4)
        tail = handle.read(4)
        if len(tail) < 4:
            raise self._damaged()
        return start, int.from_bytes(tail, "little")

    def _unpack(self, handle: BinaryIO) -> bytes:
        try:
            header = handle.read(18)
            body = handle.read(_HEADER.unpack(header)[3] + 1 - 18)
            return zlib.decompress(header + body, wbits=31)
        except (zlib.error, struct.error) as error:
            raise self._damaged() from error

    def _damaged(self):
        what = "The bgz archive is damaged or ends in the middle."
        return unreadable(self._path, what, "Copy or download it again; `gzip -t` tests it.")
