"""What objectives on token shards share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...errors import UsageError
from ..data.document_rows import DocumentRows
from ..data.epochs import EpochDataset, Transform
from ..data.packed_windows import PackedWindows
from ..data.sources import file_sha256, open_documents
from .batches import IGNORED, collate_rows
from .objective import Datasets, Head
from .settings import DataSettings
from .token_losses import num_predicted

if TYPE_CHECKING:
    from torch import Tensor

    from ...tokenizers import BioTokenizer, Vocabulary

# Where so many of the documents fit into a row, each has its own.
_FITTING = 0.9


class LanguageObjective:
    """Base of the objectives that read documents of tokens.

    A subclass says which `transform` an example goes through, and the loss.
    """

    head: ClassVar[Head]

    def __init__(self, settings: Any, data: DataSettings) -> None:
        self.settings = settings
        self.data = data
        self._fills = {"labels": IGNORED, "input_ids": 0}

    def datasets(self, tokenizer: BioTokenizer, length: int, seed: int) -> Datasets:
        """Training and validation data in examples of at most `length` tokens.

        Raises
        ------
        InputError
            If the data cannot be read, or were made with another tokenizer.
        UsageError
            If the settings do not fit the tokenizer or the data.
        """
        if length < 2:
            raise UsageError(
                f"length = {length} leaves nothing to predict.",
                where="[run], key length",
                fix="Give at least 2.",
            )
        self._fills["input_ids"] = tokenizer.pad_id
        train = self._dataset(self.data.train, tokenizer, length, seed, train=True)
        if self.data.validation is None:
            return Datasets(train)
        return Datasets(
            train, self._dataset(self.data.validation, tokenizer, length, seed, train=False)
        )

    def collate(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples as one batch, filled up on the right; what is filled up is not predicted."""
        return collate_rows(examples, self._fills)

    def weight(self, batch: Mapping[str, Tensor]) -> int:
        """How many tokens a batch predicts, without the model."""
        return num_predicted(batch["labels"], shifted=self.head == "causal-lm")

    def model_options(self, tokenizer: BioTokenizer) -> dict[str, Any]:
        """Size and special tokens of the vocabulary."""
        self._fills["input_ids"] = tokenizer.pad_id
        return vocabulary_options(tokenizer.vocabulary)

    def data_tokenizer(self) -> BioTokenizer | None:
        """The tokenizer that the training data were made with; None where they are plain text."""
        if Path(self.data.train).is_file():
            return None
        return open_documents(self.data.train).tokenizer()

    def manifest(self) -> dict[str, Any]:
        """Checksums of the data, and what made them."""
        paths = {"train": self.data.train, "validation": self.data.validation}
        return {split: facts(path) for split, path in paths.items() if path is not None}

    def _dataset(
        self, path: str, tokenizer: BioTokenizer, length: int, seed: int, *, train: bool
    ) -> EpochDataset:
        documents = open_documents(path, tokenizer)
        packing = self.settings.packing
        if packing is None:
            packing = bool((documents.lengths <= length).mean() < _FITTING)
        kind = PackedWindows if packing else DocumentRows
        transform = self._transform(tokenizer, train=train)
        return kind(documents, length, seed, shuffle=train, transform=transform)

    def _transform(self, tokenizer: BioTokenizer, *, train: bool) -> Transform:
        raise NotImplementedError


def facts(path: str) -> dict[str, Any]:
    """Checksum and origin of a file or a folder of shards, for the folder of a run."""
    if Path(path).is_file():
        return {"path": str(path), "sha256": file_sha256(path)}
    documents = open_documents(path)
    kept = ("tokenizer", "documents", "tokens", "source")
    return {
        "path": str(path),
        "sha256": documents.identity(),
        **{name: documents.manifest[name] for name in kept if name in documents.manifest},
    }


def vocabulary_options(vocabulary: Vocabulary) -> dict[str, Any]:
    """What a configuration says of a vocabulary: size, special tokens, complements.

    Examples
    --------
    >>> from biosequence.tokenizers import ProteinTokenizer
    >>> vocabulary_options(ProteinTokenizer().vocabulary)
    {'vocab_size': 38, 'pad_token_id': 1, 'bos_token_id': 0, 'eos_token_id': 2}
    """
    found: dict[str, Any] = {"vocab_size": len(vocabulary)}
    for role in ("pad", "bos", "eos"):
        if vocabulary.role(role) is not None:
            found[f"{role}_token_id"] = vocabulary.role_id(role)
    if vocabulary.complement:
        found["complement_map"] = vocabulary.complement_ids.tolist()
    return found


def unpredicted_ids(vocabulary: Vocabulary, tokens: Sequence[str] | None) -> np.ndarray:
    """Ids that are never to be predicted: padding, the unknown token, and `tokens`.

    Parameters
    ----------
    vocabulary
        The tokenizer's.
    tokens
        Further ones; None: N where tokens have complements (DNA).

    Raises
    ------
    InputError
        If there is no such token.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> unpredicted_ids(DNATokenizer().vocabulary, None).tolist()
    [4, 6, 11]
    """
    if tokens is None:
        tokens = [token for token in ("N",) if vocabulary.complement and token in vocabulary]
    roles = [vocabulary.role_id(role) for role in ("pad", "unk") if vocabulary.role(role)]
    return np.unique([*roles, *vocabulary.ids(tokens).tolist()]).astype(np.int64)


def document_starts(example: dict[str, np.ndarray]) -> np.ndarray:
    """True at the first token of every document of a window: nothing before it tells of it."""
    found = np.zeros(len(example["input_ids"]), dtype=bool)
    found[:1] = True
    owners = example.get("seq_idx")
    if owners is not None:
        found[1:] = owners[1:] != owners[:-1]
    return found
