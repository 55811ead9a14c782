"""Token shards as what suites read: documents for perplexity, texts for novelty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import InputError, UsageError
from .molecule_sets import smiles_of

if TYPE_CHECKING:
    from ..inference import LoadedModel
    from ..tokenizers import BioTokenizer


class Shards(Protocol):
    """What the trainer's token shards are to evaluation, which does not import the trainer."""

    def __len__(self) -> int:
        """Documents."""

    def __getitem__(self, number: int) -> np.ndarray:
        """Ids of a document."""

    def tokenizer(self) -> BioTokenizer:
        """The tokenizer that made them."""


OpenShards = Callable[[Path], Shards]
"""Opens a folder of shards; the command gives the trainer's own."""


def is_shards(path: str | Path) -> bool:
    """Whether a path is a folder of token shards."""
    return any(Path(path).glob("shard-*.bin")) and (Path(path) / "manifest.json").is_file()


def shard_documents(
    path: Path, loaded: LoadedModel, open_shards: OpenShards | None
) -> Iterator[np.ndarray]:
    """Documents of shards, for a model of the same tokenizer.

    Raises
    ------
    InputError
        The shards were made with another tokenizer, or cannot be read.
    UsageError
        Nobody said how to open them.
    """
    shards = _opened(path, open_shards)
    mine, theirs = loaded.tokenizer.vocabulary.sha256, shards.tokenizer().vocabulary.sha256
    if mine != theirs:
        raise InputError(
            "The shards were made with another tokenizer than the model's.",
            where=f"{path}: vocabulary {theirs[:12]}; {loaded.path}: {mine[:12]}",
            fix="Prepare the data again with the model's tokenizer.",
        )
    for number in range(len(shards)):
        yield shards[number]


def shard_molecules(path: Path, open_shards: OpenShards | None) -> Iterator[str]:
    """Documents of shards as SMILES.

    Raises
    ------
    InputError
        The shards cannot be read.
    UsageError
        Nobody said how to open them.
    """
    shards = _opened(path, open_shards)
    tokenizer = shards.tokenizer()
    for number in range(len(shards)):
        yield smiles_of(tokenizer, shards[number])


def _opened(path: Path, open_shards: OpenShards | None) -> Shards:
    if open_shards is None:
        raise UsageError(
            "This is a folder of token shards, and nothing was given that opens them.",
            where=str(path),
            fix="Give open_shards=biosequence.training.data.TokenShards.open.",
        )
    return open_shards(path)
