"""Labelled sequences as examples of a map-style dataset."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...errors import InputError
from ...tokenizers import BioTokenizer
from ...tokenizers.padding import too_long
from .epochs import EpochDataset, Example, bucketed_order
from .tables import LabelledRows
from .token_array import TokenArray

Cut = Literal["error", "left", "right"]


class LabelledDataset(EpochDataset):
    """One sequence a row with its label; rows of like length follow one another in training.

    An example holds `input_ids`, int64 of shape (tokens,), and `labels`.

    Parameters
    ----------
    rows
        The sequences; all are encoded at once, so that a bad one is found before training.
    labels
        Of each row an array: of no dimension, or (labels,), or one number a token with `per_token`.
    tokenizer
        How they are read.
    truncation
        What to do with more tokens than `length`: an error, or cut text off at one end. Special
        tokens stay.
    reverse_complement
        Probability of reading the other strand, while training.
    per_token
        Labels belong to tokens; special tokens get -100.
    length, seed, shuffle
        As in :class:`EpochDataset`.

    Raises
    ------
    InputError
        On letters that the tokenizer refuses, a sequence that is too long, or labels that are not
        as many as tokens.
    """

    def __init__(
        self,
        rows: LabelledRows,
        labels: list[np.ndarray],
        tokenizer: BioTokenizer,
        length: int,
        seed: int,
        *,
        shuffle: bool,
        truncation: Cut = "error",
        reverse_complement: float = 0.0,
        per_token: bool = False,
    ) -> None:
        named = zip(rows.names, rows.sequences, strict=True)
        self.documents = TokenArray(named, tokenizer, special_tokens=False)
        vocabulary = tokenizer.vocabulary
        self._vocabulary = vocabulary
        self._prefix, self._suffix = (
            vocabulary.ids(tokenizer.prefix),
            vocabulary.ids(tokenizer.suffix),
        )
        self._labels = labels
        self._per_token = per_token
        self._cut: Cut = truncation
        self._flips = reverse_complement if shuffle else 0.0
        lengths = self.documents.lengths
        self._sizes = lengths + len(self._prefix) + len(self._suffix)
        longest = int(self._sizes.argmax())
        if truncation == "error" and self._sizes[longest] > length:
            raise too_long(int(self._sizes[longest]), length, rows.names[longest])
        if per_token:
            for name, told, size in zip(rows.names, labels, lengths, strict=True):
                if len(told) != size:
                    raise InputError(
                        f"There are {len(told):,} labels for {size:,} tokens.",
                        where=f"{rows.path}, {name}",
                        fix="Give one letter of label for each token of the sequence.",
                    )
        super().__init__(length, seed, shuffle=shuffle)

    def __len__(self) -> int:
        return len(self.documents)

    def _example(self, number: int, chance: np.random.Generator) -> Example:
        ids = self.documents[number].astype(np.int64)
        labels = self._labels[number]
        if self._flips and chance.random() < self._flips:
            from ...tokenizers import reverse_complement_ids

            ids = reverse_complement_ids(ids, self._vocabulary)
            labels = labels[::-1] if self._per_token else labels
        room = max(0, self.length - len(self._prefix) - len(self._suffix))
        kept = slice(max(0, len(ids) - room), None) if self._cut == "left" else slice(room)
        if self._per_token:
            around = [np.full(len(part), -100) for part in (self._prefix, self._suffix)]
            labels = np.concatenate([around[0], labels[kept], around[1]])
        return {
            "input_ids": np.concatenate([self._prefix, ids[kept], self._suffix]),
            "labels": labels,
        }

    def _new_order(self, chance: np.random.Generator) -> np.ndarray:
        return bucketed_order(np.minimum(self._sizes, self.length), chance)
