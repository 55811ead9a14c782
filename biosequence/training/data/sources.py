"""Documents of a corpus, from shards or from the files that people have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UsageError
from .documents import TokenDocuments
from .token_shards import TokenShards

if TYPE_CHECKING:
    from ...tokenizers import BioTokenizer


def open_documents(path: str | Path, tokenizer: BioTokenizer | None = None) -> TokenDocuments:
    """The documents of a folder of token shards.

    Parameters
    ----------
    path
        The folder.
    tokenizer
        What the model reads with.

    Raises
    ------
    InputError
        As :meth:`TokenShards.open`.
    UsageError
        If it is a file.
    """
    if Path(path).is_file():
        raise UsageError(
            "This objective trains on a folder of token shards, and was given a file.",
            where=f"[data], {path}",
            fix="Make shards with `bioseq data prepare`, or ShardWriter in Python.",
        )
    return TokenShards.open(path, tokenizer)
