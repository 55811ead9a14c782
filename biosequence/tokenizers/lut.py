"""A table of 256 entries that turns the characters of an alphabet into ids at memory speed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Marks characters that the alphabet does not know; so ids end at 254.
_ABSENT = 255


class AbsentCharacterError(LookupError):
    """A character that a table does not know; `position` counts from 0."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"character {position}")


class ByteTable:
    """Ids of single characters, all looked up in one pass over the bytes of a text.

    Parameters
    ----------
    ids
        Id of each character; characters up to U+00FF, ids from 0 to 254.
    dropped
        Characters that leave no id behind (gaps of an alignment).

    Examples
    --------
    >>> table = ByteTable({"A": 7, "C": 8}, dropped="-")
    >>> table.encode("AC-A").tolist()
    [7, 8, 7]
    """

    def __init__(self, ids: Mapping[str, int], *, dropped: str = "") -> None:
        table = np.full(256, _ABSENT, dtype=np.uint8)
        for character, number in ids.items():
            assert 0 <= number < _ABSENT
            table[ord(character)] = number
        self._table = table.tobytes()
        self._dropped = dropped.encode("latin-1")

    def encode(self, text: str | bytes, *, absent: int | None = None) -> np.ndarray:
        """Ids of a text, uint8 of shape (number of characters kept,), not writable.

        Parameters
        ----------
        text
            The text; bytes are read as Latin-1, so that one byte is one character.
        absent
            Id of characters that the table does not know; None to refuse them.

        Raises
        ------
        AbsentCharacterError
            At the first character that the table does not know.
        """
        raw = _one_byte_each(text)
        codes = raw.translate(self._table, self._dropped)
        if _ABSENT in codes:
            if absent is None:
                raise AbsentCharacterError(self._first_absent(raw))
            codes = codes.replace(bytes([_ABSENT]), bytes([absent]))
        return np.frombuffer(codes, dtype=np.uint8)

    def _first_absent(self, raw: bytes) -> int:
        # Dropped characters shift the ids, so the place is looked for with them kept.
        known = np.frombuffer(self._table, dtype=np.uint8) != _ABSENT
        known[list(self._dropped)] = True
        return int(np.argmin(known[np.frombuffer(raw, dtype=np.uint8)]))


def _one_byte_each(text: str | bytes) -> bytes:
    # A character beyond Latin-1 becomes U+00FF, which no alphabet has: the length stays the same.
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return "".join(c if ord(c) < 256 else "\xff" for c in text).encode("latin-1")
