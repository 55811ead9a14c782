"""Token shards of the three splits, made as documents come."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from biosequence.training.data import ShardWriter

from .job import SPLITS

if TYPE_CHECKING:
    from biosequence.tokenizers import BioTokenizer


class SplitShards:
    """A shard folder for each split that gets a document.

    Parameters
    ----------
    folder
        Where `train/`, `validation/` and `test/` go.
    tokenizer
        Of the ids.
    source
        Facts for the manifests of the shards.
    """

    def __init__(self, folder: Path, tokenizer: BioTokenizer, source: dict[str, Any]) -> None:
        self._folder = folder
        self._tokenizer = tokenizer
        self._source = source
        self._writers: dict[str, ShardWriter] = {}
        self._counts: dict[str, list[int]] = {split: [0, 0] for split in SPLITS}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, split: str, ids: np.ndarray, group: int | None = None) -> None:
        """Append a document to a split."""
        if split not in self._writers:
            assert split in SPLITS, split
            # A split without documents gets no folder: an empty one cannot be trained on.
            writer = ShardWriter(
                self._folder / split, self._tokenizer, source={**self._source, "part": split}
            )
            self._writers[split] = self._stack.enter_context(writer)
        self._writers[split].add(ids, group)
        self._counts[split][0] += 1
        self._counts[split][1] += len(ids)

    def counts(self) -> dict[str, dict[str, int]]:
        """Documents and tokens of each split."""
        return {
            split: {"documents": documents, "tokens": tokens}
            for split, (documents, tokens) in self._counts.items()
        }
