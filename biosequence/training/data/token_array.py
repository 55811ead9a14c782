"""Documents of token ids in memory, for files that are small."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import InputError
from ...tokenizers import BioTokenizer
from .documents import TokenDocuments
from .shard_writer import stored_type


class TokenArray(TokenDocuments):
    """Texts as documents, encoded once, one or two bytes a token.

    Parameters
    ----------
    texts
        Pairs of a name, for messages, and a text.
    tokenizer
        How to read them.
    special_tokens
        Put the tokenizer's special tokens around each.
    manifest
        Facts about them.

    Raises
    ------
    InputError
        If there is no text, a text is empty, or has letters that the tokenizer refuses.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> found = TokenArray([("a", "ACGT"), ("b", "GG")], DNATokenizer())
    >>> found[1].tolist(), found.lengths.tolist()
    ([9, 9, 1], [5, 3])
    """

    def __init__(
        self,
        texts: Iterable[tuple[str, str]],
        tokenizer: BioTokenizer,
        *,
        special_tokens: bool = True,
        manifest: dict[str, Any] | None = None,
    ) -> None:
        dtype = stored_type(len(tokenizer))
        data, ends = bytearray(), []
        for name, text in texts:
            ids = tokenizer.encode(text, special_tokens=special_tokens, dtype=dtype, name=name)
            if not len(ids) or not text:
                raise InputError(
                    "A sequence is empty.", where=f"sequence {name!r}", fix="Leave it out."
                )
            data += ids.tobytes()
            ends.append(len(data) // dtype.itemsize)
        if not ends:
            raise InputError(
                "There is no sequence.", where="training data", fix="Give at least one."
            )
        self._ids = np.frombuffer(bytes(data), dtype=dtype)
        self.ends = np.array(ends, dtype=np.int64)
        self.groups = None
        self.manifest = dict(manifest or {})
        self._tokenizer = tokenizer

    def span(self, start: int, stop: int) -> np.ndarray:
        """The tokens `start` to `stop` of the stream; a view."""
        return self._ids[start:stop]

    def tokenizer(self) -> BioTokenizer:
        """What the texts were encoded with."""
        return self._tokenizer
