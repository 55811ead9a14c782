"""Tokenizers in which one character is one token, looked up in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from .huggingface import Splitting, one_of
from .lut import AbsentCharacterError, ByteTable
from .padding import Side
from .tokenizer import BioTokenizer, unknown_letter
from .vocabulary import Vocabulary

Other = Literal["error", "unknown"]


class CharacterTokenizer(BioTokenizer):
    """One token for each character; what a subclass adds is the alphabet and its policy.

    Parameters
    ----------
    vocabulary
        Its tokens.
    characters
        Token of each character; several characters may share one.
    dropped
        Characters that vanish.
    other
        What to do with any other character.
    prefix, suffix, padding_side
        As in :class:`BioTokenizer`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        characters: Mapping[str, str],
        *,
        dropped: str = "",
        other: Other = "error",
        prefix: Sequence[str] = (),
        suffix: Sequence[str] = (),
        padding_side: Side = "right",
    ) -> None:
        super().__init__(vocabulary, prefix=prefix, suffix=suffix, padding_side=padding_side)
        self.other: Other = other
        self._characters = dict(characters)
        self._dropped = dropped
        ids = {character: vocabulary.id(token) for character, token in characters.items()}
        self._table = ByteTable(ids, dropped=dropped)
        self._absent = vocabulary.role_id("unk") if other == "unknown" else None

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        try:
            return self._table.encode(text, absent=self._absent)
        except AbsentCharacterError as error:
            letter, position = text[error.position], start + error.position
            raise unknown_letter(letter, position, name, *self._complaint(letter)) from None

    def _complaint(self, letter: str) -> tuple[str, str]:
        """What a refused letter is, and what to do."""
        return "no letter of this alphabet", 'Correct it (python: other="unknown").'

    def _splitting(self) -> Splitting:
        groups: dict[str, str] = {}
        for character, token in self._characters.items():
            # An unknown token is left to the library: it gives it to all that is not replaced.
            if character != token and token not in self.vocabulary.specials:
                groups[token] = groups.get(token, "") + character
        replaced = [(one_of(characters), token) for token, characters in groups.items()]
        if self._dropped:
            replaced.insert(0, (one_of(self._dropped), ""))
        return Splitting(r"[\s\S]", tuple(replaced))
