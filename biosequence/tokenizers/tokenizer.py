"""What every tokenizer of the toolkit can do: text to ids and back, batches, saving."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ..errors import InputError, ModelError, UsageError
from .padding import Side, Tensors, Truncation, check_choice, cut, pad_rows
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from .huggingface import Splitting


class BioTokenizer(ABC):
    """Text to ids and back, the same way for DNA, proteins, molecules and gene ranks.

    A subclass says how plain text becomes ids (`_encode_plain`), and how Hugging Face's library
    can do the same (`_splitting`). Special tokens that stand in the text by name (`A[MASK]T`)
    become their ids, as they do there.

    Parameters
    ----------
    vocabulary
        Its tokens.
    prefix, suffix
        Special tokens that `special_tokens=True` puts around a sequence.
    padding_side
        Where batches are filled up.

    Attributes
    ----------
    name
        Name in the registry, by which a saved tokenizer finds its class again.
    """

    name: ClassVar[str]

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        prefix: Sequence[str] = (),
        suffix: Sequence[str] = (),
        padding_side: Side = "right",
    ) -> None:
        check_choice("padding_side", padding_side, ("left", "right"))
        self.vocabulary = vocabulary
        self.prefix = tuple(prefix)
        self.suffix = tuple(suffix)
        self.padding_side: Side = padding_side
        self._prefix_ids = vocabulary.ids(self.prefix)
        self._suffix_ids = vocabulary.ids(self.suffix)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({options})"

    @property
    def pad_id(self) -> int:
        """Id of the padding token."""
        return self.vocabulary.role_id("pad")

    @property
    def mask_id(self) -> int:
        """Id of the mask token."""
        return self.vocabulary.role_id("mask")

    def encode(
        self,
        text: str,
        *,
        special_tokens: bool = True,
        max_length: int | None = None,
        truncation: Truncation = "error",
        dtype: Any = np.int64,
        name: str = "",
    ) -> np.ndarray:
        """Ids of a text, of shape (tokens,).

        Parameters
        ----------
        text
            A sequence.
        special_tokens
            Put the tokenizer's prefix and suffix around it.
        max_length
            Most tokens there may be, special ones included.
        truncation
            What to do with more: an error, or cut text off at one end. Special tokens stay.
        dtype
            Integer type of the answer; uint8 saves memory where the vocabulary is small.
        name
            Name of the sequence, for messages.

        Raises
        ------
        InputError
            On a letter that the tokenizer's policy refuses (position and letter are named), or a
            sequence longer than `max_length`.
        """
        around = len(self.prefix) + len(self.suffix) if special_tokens else 0
        ids = self._encode_text(text, name)
        if max_length is not None:
            ids = cut(ids, max(0, max_length - around), truncation, name)
        # Written once, in the type wanted: a chromosome is large.
        found = np.empty(len(ids) + around, dtype=dtype)
        start = len(self.prefix) if special_tokens else 0
        found[start : start + len(ids)] = ids
        if around:
            found[:start] = self._prefix_ids
            found[start + len(ids) :] = self._suffix_ids
        return found

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = False) -> str:
        """The text of some ids (a list, array or tensor of one dimension).

        Raises
        ------
        InputError
            If an id is outside the vocabulary.
        """
        return self._join(self._tokens_of(ids, skip_special_tokens))

    def decode_batch(
        self, rows: Iterable[Iterable[int]], *, skip_special_tokens: bool = True
    ) -> list[str]:
        """The texts of some rows of ids; special tokens, padding among them, are left out."""
        return [self.decode(row, skip_special_tokens=skip_special_tokens) for row in rows]

    def tokens(self, text: str) -> list[str]:
        """The tokens that a text is cut into, without prefix and suffix."""
        return [self.vocabulary.tokens[number] for number in self._encode_text(text, "").tolist()]

    def batch(
        self,
        texts: Sequence[str],
        *,
        special_tokens: bool = True,
        max_length: int | None = None,
        truncation: Truncation = "error",
        padding_side: Side | None = None,
        length: int | None = None,
        multiple_of: int = 1,
        tensors: Tensors = "numpy",
    ) -> dict[str, Any]:
        """Texts as one rectangle: `input_ids` and `attention_mask`, int64 (texts, length).

        Parameters
        ----------
        texts
            The sequences.
        special_tokens, max_length, truncation
            As in :meth:`encode`.
        padding_side, length, multiple_of, tensors
            As in :meth:`pad`.

        Raises
        ------
        InputError
            As :meth:`encode`, and if there is no text.
        UsageError
            If `texts` is a single text.
        """
        if isinstance(texts, str):
            raise UsageError(
                "batch takes several texts, and was given one.",
                where="texts of a batch",
                fix="Put it into a list, or use encode.",
            )
        rows = [
            self.encode(
                text,
                special_tokens=special_tokens,
                max_length=max_length,
                truncation=truncation,
                name=f"number {number} of the batch",
            )
            for number, text in enumerate(texts, 1)
        ]
        return self.pad(
            rows, side=padding_side, length=length, multiple_of=multiple_of, tensors=tensors
        )

    def pad(
        self,
        rows: Sequence[np.ndarray],
        *,
        side: Side | None = None,
        length: int | None = None,
        multiple_of: int = 1,
        tensors: Tensors = "numpy",
    ) -> dict[str, Any]:
        """Rows of ids as one rectangle; see :func:`~biosequence.tokenizers.pad_rows`."""
        return pad_rows(
            rows,
            self.pad_id,
            side=side or self.padding_side,
            length=length,
            multiple_of=multiple_of,
            tensors=tensors,
        )

    def save(self, folder: str | Path) -> None:
        """Write tokenizer files that `transformers.AutoTokenizer` and :meth:`load` open.

        Raises
        ------
        UsageError
            If Hugging Face's library cannot express this tokenizer.
        InputError
            If the folder cannot be written to.
        """
        from .storage import save_tokenizer

        save_tokenizer(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The tokenizer that :meth:`save` wrote into a folder.

        Raises
        ------
        ModelError
            If there is none, it is damaged, or it is of another class than asked for.
        """
        from .storage import load_tokenizer

        found = load_tokenizer(folder)
        if not isinstance(found, cls):
            raise ModelError(
                f"The tokenizer is a {type(found).__name__}, not a {cls.__name__}.",
                where=str(folder),
                fix="Open it with load_tokenizer, or name another folder.",
            )
        return found

    def to_hf(self) -> Any:
        """The same tokenizer as an object of transformers.

        Where our policy refuses a letter, it gives the unknown token: it cannot raise errors.

        Raises
        ------
        UsageError
            If Hugging Face's library cannot express this tokenizer.
        """
        from .huggingface import fast_tokenizer

        return fast_tokenizer(self)

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values; the vocabulary apart."""

    @abstractmethod
    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        """Ids of text without special tokens; `start` is its place in the whole, for messages."""

    @abstractmethod
    def _splitting(self) -> Splitting:
        """How Hugging Face's library cuts the same text."""

    @classmethod
    def _rebuild(cls, options: Mapping[str, Any], vocabulary: Vocabulary) -> Self:
        """From what was saved; classes that are given their vocabulary override this."""
        return cls(**options)

    def _files(self) -> dict[str, str]:
        """Texts beside the vocabulary, by file name; classes that have some override both."""
        return {}

    @classmethod
    def _reopen(cls, folder: Path, options: Mapping[str, Any], vocabulary: Vocabulary) -> Self:
        """From a saved folder, with what :meth:`_files` gave."""
        return cls._rebuild(options, vocabulary)

    def _join(self, tokens: Sequence[str]) -> str:
        return "".join(tokens)

    def _tokens_of(self, ids: Iterable[int], skip_special_tokens: bool) -> list[str]:
        numbers = np.asarray(ids)
        if numbers.ndim != 1:
            raise InputError(
                f"decode takes ids of one dimension, not {numbers.ndim}.",
                where=f"shape {numbers.shape}",
                fix="Use decode_batch for several sequences.",
            )
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self):
            self.vocabulary.token(int(numbers.min() if numbers.min() < 0 else numbers.max()))
        if skip_special_tokens:
            numbers = numbers[~np.isin(numbers, self.vocabulary.special_ids)]
        return [self.vocabulary.tokens[number] for number in numbers.tolist()]

    @cached_property
    def _special_pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.vocabulary.specials, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)))

    def _encode_text(self, text: str, name: str) -> np.ndarray:
        openers = {token[0] for token in self.vocabulary.specials}
        if not any(opener in text for opener in openers):
            return self._encode_plain(text, name, 0)
        parts = list(self._parts(text, name))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def _parts(self, text: str, name: str) -> Iterator[np.ndarray]:
        end = 0
        for match in self._special_pattern.finditer(text):
            if match.start() > end:
                yield self._encode_plain(text[end : match.start()], name, end)
            yield self.vocabulary.ids([match.group()])
            end = match.end()
        if end < len(text):
            yield self._encode_plain(text[end:], name, end)


def unknown_letter(letter: str, position: int, name: str, what: str, fix: str) -> InputError:
    """The error for a letter that a tokenizer refuses; `position` counts from 0."""
    place = f"position {position + 1:,} (counted from 1)"
    return InputError(
        f"{letter!r} at {place} is {what}.",
        where=f"sequence {name!r}, {place}" if name else place,
        fix=fix,
    )
