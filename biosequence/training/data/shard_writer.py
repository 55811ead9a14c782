"""Documents of token ids into a folder of shards, in bounded memory."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from ...atomic import atomic_folder
from ...errors import InputError, UsageError

if TYPE_CHECKING:
    from ...tokenizers import BioTokenizer

FORMAT = 1
MANIFEST = "manifest.json"
GROUPS = "groups.npy"
TOKENIZER = "tokenizer"
# A shard ends with the document that reaches one of these.
SHARD_TOKENS = 1 << 28
SHARD_DOCUMENTS = 1 << 22
_BUFFER = 1 << 22


def stored_type(vocab_size: int) -> np.dtype:
    """The smallest type of ids on disk that holds a vocabulary, little-endian.

    Raises
    ------
    UsageError
        If the vocabulary is larger than 65,536.

    Examples
    --------
    >>> stored_type(12).name, stored_type(4096).name
    ('uint8', 'uint16')
    """
    if vocab_size > 1 << 16:
        raise UsageError(
            f"Token shards hold vocabularies up to 65,536, and this one has {vocab_size:,} tokens.",
            where="tokenizer",
            fix="Take a smaller vocabulary.",
        )
    return np.dtype("<u1" if vocab_size <= 1 << 8 else "<u2")


class ShardWriter:
    """A folder of token shards that appears whole, or not at all, when the block ends.

    Parameters
    ----------
    folder
        Where to write; new or empty.
    tokenizer
        What the ids were made with; it is saved beside them.
    source
        Facts about the data for the manifest: name, licence, split, addresses, checksums.
    shard_tokens
        Tokens after which a new shard begins; a document is never cut.

    Raises
    ------
    InputError
        If the folder is not empty or cannot be written; from :meth:`add`, on ids outside the
        vocabulary, an empty document, or groups given for some documents only.
    UsageError
        If the vocabulary is too large for a shard.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> from biosequence.training.data import TokenShards
    >>> dna = DNATokenizer()
    >>> with ShardWriter("shards", dna, source={"name": "two reads"}) as writer:
    ...     for text in ("ACGT", "GG"):
    ...         writer.add(dna.encode(text))
    >>> [dna.decode(document) for document in TokenShards.open("shards")]
    ['ACGT[SEP]', 'GG[SEP]']
    """

    def __init__(
        self,
        folder: str | Path,
        tokenizer: BioTokenizer,
        *,
        source: Mapping[str, Any] | None = None,
        shard_tokens: int = SHARD_TOKENS,
    ) -> None:
        self._output = Path(folder)
        self._tokenizer = tokenizer
        self._source = dict(source or {})
        self._type = stored_type(len(tokenizer))
        self._shard_tokens = shard_tokens
        self._shards: list[dict[str, Any]] = []
        self._ends = array("q")
        self._documents = self._tokens = 0
        self._grouped: bool | None = None
        self._blocks = ExitStack()
        self._data: BinaryIO | None = None

    def __enter__(self) -> Self:
        with self._blocks as blocks:
            self._folder = blocks.enter_context(atomic_folder(self._output))
            self._tokenizer.save(self._folder / TOKENIZER)
            self._group_data = blocks.enter_context((self._folder / "groups.raw").open("wb+"))
            self._blocks = blocks.pop_all()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._data is not None:
            self._blocks.callback(self._data.close)
        if error is not None:
            self._blocks.__exit__(kind, error, trace)
            return
        with self._blocks:
            self._finish()

    def beside(self, name: str) -> Path:
        """Where to write a further file or folder that appears with the shards.

        Parameters
        ----------
        name
            Its name in the folder.
        """
        return self._folder / name

    def add(self, ids: Sequence[int] | np.ndarray, group: int | None = None) -> None:
        """Append a document.

        Parameters
        ----------
        ids
            Its ids, special tokens included.
        group
            Number of the family, alignment or domain it belongs to; for all documents or none.
        """
        tokens = self._checked(np.asarray(ids))
        if self._grouped is None:
            self._grouped = group is not None
        if self._grouped != (group is not None):
            raise self._wrong(
                "Some documents have a group and others have none.",
                "Give a group for every document, or for none.",
            )
        if self._data is None:
            self._begin()
        assert self._data is not None
        stored = tokens.astype(self._type, copy=False).tobytes()
        self._data.write(stored)
        self._hash.update(stored)
        self._ends.append((self._ends[-1] if self._ends else 0) + len(tokens))
        if group is not None:
            self._group_data.write(np.int32(group).tobytes())
        self._documents += 1
        self._tokens += len(tokens)
        if self._ends[-1] >= self._shard_tokens or len(self._ends) >= SHARD_DOCUMENTS:
            self._end_shard()

    def _checked(self, ids: np.ndarray) -> np.ndarray:
        if ids.ndim != 1 or not len(ids) or ids.dtype.kind not in "iu":
            raise self._wrong(
                f"A document has ids of shape {ids.shape} and type {ids.dtype}.",
                "Give at least one whole number, in one dimension.",
            )
        if not 0 <= int(ids.min()) <= int(ids.max()) < len(self._tokenizer):
            raise self._wrong(
                f"A document has the ids {ids.min()} to {ids.max()}, and the vocabulary "
                f"{len(self._tokenizer)} tokens.",
                "Encode it with the tokenizer that the writer was given.",
            )
        return ids

    def _wrong(self, what: str, fix: str) -> InputError:
        return InputError(what, where=f"document {self._documents + 1:,}", fix=fix)

    def _begin(self) -> None:
        name = f"shard-{len(self._shards):05d}"
        self._shards.append({"name": name})
        self._data = (self._folder / f"{name}.bin").open("wb", buffering=_BUFFER)
        self._hash = hashlib.sha256()

    def _end_shard(self) -> None:
        assert self._data is not None
        self._data.close()
        self._data = None
        ends = np.frombuffer(self._ends, dtype=np.int64).astype("<i8")
        entry = self._shards[-1]
        np.save(self._folder / f"{entry['name']}.ends.npy", ends, allow_pickle=False)
        entry |= {
            "documents": len(ends),
            "tokens": int(ends[-1]),
            "sha256": self._hash.hexdigest(),
            "ends_sha256": hashlib.sha256(ends.tobytes()).hexdigest(),
        }
        self._ends = array("q")

    def _finish(self) -> None:
        if self._ends:
            self._end_shard()
        if not self._documents:
            raise InputError(
                "There is no document to write.",
                where=str(self._output),
                fix="Give at least one; an empty set of shards cannot be trained on.",
            )
        manifest = {
            "format": FORMAT,
            "tokenizer": {
                "name": self._tokenizer.name,
                "hash": self._tokenizer.vocabulary.sha256,
            },
            "vocab_size": len(self._tokenizer),
            "dtype": self._type.name,
            "documents": self._documents,
            "tokens": self._tokens,
            "shards": self._shards,
            "source": self._source,
        }
        if self._grouped:
            manifest |= {"groups": GROUPS, "groups_sha256": self._save_groups()}
        self._group_data.close()
        (self._folder / "groups.raw").unlink()
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (self._folder / MANIFEST).write_text(text, encoding="utf-8")

    def _save_groups(self) -> str:
        """The groups as an array file, copied piece by piece."""
        target = np.lib.format.open_memmap(
            self._folder / GROUPS, mode="w+", dtype="<i4", shape=(self._documents,)
        )
        found = hashlib.sha256()
        self._group_data.seek(0)
        start = 0
        while piece := self._group_data.read(_BUFFER):
            values = np.frombuffer(piece, dtype=np.int32)
            target[start : start + len(values)] = values
            found.update(values.astype("<i4").tobytes())
            start += len(values)
        target.flush()
        return found.hexdigest()
