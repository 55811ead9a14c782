"""One document a row: molecules, short proteins, reads."""

from __future__ import annotations

import numpy as np

from .documents import TokenDocuments
from .epochs import EpochDataset, Example, Transform, bucketed_order


class DocumentRows(EpochDataset):
    """Each document as an example of its own; a longer one becomes several pieces.

    Every token is seen once an epoch. While training, rows of like length follow one another. An
    example holds `input_ids`, int64 of shape (tokens,).

    Parameters
    ----------
    documents
        What to read.
    length, seed, shuffle, transform
        As in :class:`EpochDataset`.
    """

    def __init__(
        self,
        documents: TokenDocuments,
        length: int,
        seed: int,
        *,
        shuffle: bool,
        transform: Transform | None = None,
    ) -> None:
        super().__init__(length, seed, shuffle=shuffle, transform=transform)
        self.documents = documents
        self._lengths = documents.lengths
        self.set_length(length)

    def __len__(self) -> int:
        return int(self._piece_ends[-1])

    def set_length(self, length: int) -> None:
        """Pieces of at most so many tokens from now on."""
        super().set_length(length)
        self._piece_ends = np.cumsum(-(-self._lengths // length))

    def _example(self, number: int, chance: np.random.Generator) -> Example:
        (index,) = self._sources(number)
        before = int(self._piece_ends[index - 1]) if index else 0
        document = self.documents[index]
        start = (number - before) * self.length
        return {"input_ids": document[start : start + self.length].astype(np.int64)}

    def _sources(self, number: int) -> list[int]:
        return [int(np.searchsorted(self._piece_ends, number, side="right"))]

    def _new_order(self, chance: np.random.Generator) -> np.ndarray:
        pieces = np.diff(self._piece_ends, prepend=0)
        lengths = np.full(len(self), self.length, dtype=np.int64)
        lengths[self._piece_ends - 1] = self._lengths - (pieces - 1) * self.length
        return bucketed_order(lengths, chance)
