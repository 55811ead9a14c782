"""DNA in words of k bases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ..complement import reverse_complement
from ..errors import UsageError
from .characters import Other
from .dna import BASES, ROLES, SPECIALS, Ambiguous, SoftMasked, Uracil, read_as, refusal
from .huggingface import Splitting, one_of
from .lut import AbsentCharacterError, ByteTable
from .padding import Side
from .tokenizer import BioTokenizer, unknown_letter
from .vocabulary import Vocabulary

LARGEST_K = 8
_UNKNOWN = BASES.index("N") + 1


class KmerTokenizer(BioTokenizer):
    """DNA in words of k bases, side by side or overlapping.

    The ids are those of :class:`DNATokenizer`, then all words in alphabetical order.

    Side by side (stride k, the default), a run of known bases is cut into words from its start;
    what is left at its end, N and unknown bases are tokens of one base, so that nothing is lost:
    `ACGTANGT` in threes is `ACG T A N G T`. Overlapping (stride below k), a word starts every
    `stride` bases; one with an N in it is `[UNK]`, and bases behind the last word are single
    tokens. Hugging Face's library has no overlapping tokens, so these are not saved.

    Parameters
    ----------
    k
        Bases of a word, 2 to 8.
    stride
        Bases from the start of a word to that of the next; default k.
    soft_masked, ambiguous, uracil, other, padding_side
        As in :class:`DNATokenizer`.

    Raises
    ------
    UsageError
        If `k` or `stride` is out of range.

    Examples
    --------
    >>> KmerTokenizer(3).tokens("ACGTANGT")
    ['ACG', 'T', 'A', 'N', 'G', 'T']
    >>> KmerTokenizer(3, stride=1).tokens("ACGTA")
    ['ACG', 'CGT', 'GTA']
    """

    name = "dna-kmer"

    def __init__(
        self,
        k: int = 6,
        *,
        stride: int | None = None,
        soft_masked: SoftMasked = "upper",
        ambiguous: Ambiguous = "N",
        uracil: Uracil = "T",
        other: Other = "error",
        padding_side: Side = "left",
    ) -> None:
        self.k, self.stride = k, k if stride is None else stride
        if not 2 <= k <= LARGEST_K or not 1 <= self.stride <= k:
            raise UsageError(
                f"Words of {k} bases every {self.stride} bases are not possible.",
                where="options k and stride",
                fix=f"Give k from 2 to {LARGEST_K} and stride from 1 to k: a longer stride would "
                "lose the bases between words.",
            )
        self._policy = {
            "soft_masked": soft_masked,
            "ambiguous": ambiguous,
            "uracil": uracil,
            "other": other,
        }
        self._letters = read_as(soft_masked, ambiguous, uracil)
        codes = {
            letter: BASES.index(token) if token in BASES else _UNKNOWN
            for letter, token in self._letters.items()
        }
        self._table = ByteTable(codes)
        self._absent = _UNKNOWN if other == "unknown" else None
        super().__init__(_vocabulary(k), suffix=("[SEP]",), padding_side=padding_side)
        singles = [self.vocabulary.id(base) for base in BASES]
        self._single_ids = np.array([*singles, self.vocabulary.role_id("unk")])
        self._first_word = len(SPECIALS) + len(BASES)

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values."""
        policy = {**self._policy, "padding_side": self.padding_side}
        return {"k": self.k, "stride": self.stride, **policy}

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        try:
            codes = self._table.encode(text, absent=self._absent)
        except AbsentCharacterError as error:
            letter = text[error.position]
            raise unknown_letter(letter, start + error.position, name, *refusal(letter)) from None
        if self.stride < self.k:
            return self._overlapping(codes)
        return self._side_by_side(codes)

    def _side_by_side(self, codes: np.ndarray) -> np.ndarray:
        known = codes < 4
        edges = np.flatnonzero(np.diff(known)) + 1
        parts = []
        for run in np.split(codes, edges) if len(codes) else []:
            words = len(run) // self.k * self.k if run[0] < 4 else 0
            if words:
                parts.append(self._words(run[:words].reshape(-1, self.k)))
            parts.append(self._single_ids[run[words:]])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def _overlapping(self, codes: np.ndarray) -> np.ndarray:
        if len(codes) < self.k:
            return self._single_ids[codes]
        windows = np.lib.stride_tricks.sliding_window_view(codes, self.k)[:: self.stride]
        ids = np.where((windows < 4).all(1), self._words(windows), self._single_ids[-1])
        end = (len(windows) - 1) * self.stride + self.k
        return np.concatenate([ids, self._single_ids[codes[end:]]])

    def _words(self, codes_WK: np.ndarray) -> np.ndarray:
        weights = 4 ** np.arange(self.k - 1, -1, -1)
        return self._first_word + codes_WK.astype(np.int64) @ weights

    def _splitting(self) -> Splitting:
        if self.stride < self.k:
            raise UsageError(
                "Overlapping words cannot be written as Hugging Face tokenizer files.",
                where=f"stride {self.stride} with k {self.k}",
                fix="Keep the options k and stride yourself, or take stride = k.",
            )
        groups: dict[str, str] = {}
        for letter, token in self._letters.items():
            if letter != token and token in BASES:
                groups[token] = groups.get(token, "") + letter
        replaced = tuple((one_of(letters), token) for token, letters in groups.items())
        return Splitting(rf"[ACGT]{{{self.k}}}|[\s\S]", replaced)

    def _join(self, tokens: Sequence[str]) -> str:
        if self.stride == self.k:
            return "".join(tokens)
        parts: list[str] = []
        after_word = False
        for token in tokens:
            word = "N" * self.k if token == ROLES["unk"] else token
            is_word = len(word) == self.k and token not in SPECIALS[:-1]
            parts.append(word[-self.stride :] if is_word and after_word else word)
            after_word = is_word
        return "".join(parts)


def _vocabulary(k: int) -> Vocabulary:
    words = ["".join(letters) for letters in product("ACGT", repeat=k)]
    complement = {token: reverse_complement(token) for token in [*BASES, *words]}
    return Vocabulary((*SPECIALS, *BASES, *words), ROLES, SPECIALS, complement)
