"""What every corpus of token documents can do, wherever its tokens lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...tokenizers import BioTokenizer


class TokenDocuments(ABC):
    """Documents of token ids, one after another in one stream.

    Attributes
    ----------
    ends
        Exclusive end of each document in the stream, int64 of shape (documents,).
    groups
        Family, alignment or domain of each, int32 of shape (documents,), or None.
    manifest
        Facts about them, plain values.
    """

    ends: np.ndarray
    groups: np.ndarray | None
    manifest: dict[str, Any]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> np.ndarray:
        count = len(self)
        if not -count <= index < count:
            msg = f"document {index} of {count}"
            raise IndexError(msg)
        index = index % count
        return self.span(self.start(index), int(self.ends[index]))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    @property
    def num_tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.ends[-1])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document, int64 of shape (documents,)."""
        return np.diff(self.ends, prepend=0)

    def start(self, index: int) -> int:
        """Where a document begins in the stream."""
        return int(self.ends[index - 1]) if index else 0

    def identity(self) -> str:
        """A checksum of what the documents are, for the folder of a run."""
        return str(self.manifest.get("sha256", ""))

    @abstractmethod
    def span(self, start: int, stop: int) -> np.ndarray:
        """The tokens `start` to `stop` of the stream, of shape (stop - start,)."""

    @abstractmethod
    def tokenizer(self) -> BioTokenizer:
        """What the ids were made with."""
