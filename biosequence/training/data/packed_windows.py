"""Documents end to end, cut into windows of equal length."""

from __future__ import annotations

import numpy as np

from .documents import TokenDocuments
from .epochs import EpochDataset, Example, Transform


class PackedWindows(EpochDataset):
    """Windows over the stream of all documents; every token is seen once an epoch.

    An epoch starts at a random place of the stream and goes round, so that windows are cut
    elsewhere each time. The last window is shorter where the length does not divide the stream. An
    example holds `input_ids` and `seq_idx`, int64 of shape (tokens,): the number of the document
    within the window, from 0.

    Parameters
    ----------
    documents
        What to read; only the pages of a window are touched.
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

    def __len__(self) -> int:
        return -(-self.documents.num_tokens // self.length)

    def _example(self, number: int, chance: np.random.Generator) -> Example:
        total = self.documents.num_tokens
        first = number * self.length
        count = min(self.length, total - first)
        start = (self._offset() + first) % total
        ahead = min(count, total - start)
        ids = self.documents.span(start, start + ahead).astype(np.int64)
        owners = self._owners(start, ahead)
        if ahead < count:
            rest = count - ahead
            ids = np.concatenate([ids, self.documents.span(0, rest)])
            # The end of a document and its beginning are not neighbours.
            owners = np.concatenate([owners, self._owners(0, rest) + owners[-1] + 1])
        return {"input_ids": ids, "seq_idx": owners}

    def _sources(self, number: int) -> list[int]:
        total = self.documents.num_tokens
        first = number * self.length
        count = min(self.length, total - first)
        places = (np.array([0, count - 1]) + self._offset() + first) % total
        start, end = np.searchsorted(self.documents.ends, places, side="right").tolist()
        if places[0] <= places[1]:
            return list(range(start, end + 1))
        return [*range(start, len(self.documents)), *range(end + 1)]

    def _owners(self, start: int, count: int) -> np.ndarray:
        """Which document each token belongs to, from 0."""
        ends = self.documents.ends
        first = int(np.searchsorted(ends, start, side="right"))
        last = int(np.searchsorted(ends, start + count - 1, side="right"))
        edges = ends[first:last] - start
        found = np.zeros(count, dtype=np.int64)
        found[edges] = 1
        return found.cumsum()

    def _offset(self) -> int:
        if not self.shuffled:
            return 0
        return int(self._epoch_chance().integers(self.documents.num_tokens))
