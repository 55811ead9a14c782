"""Molecules that are syntactically whole: the grammar of SMILES as a mask over tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError, UsageError
from ..tokenizers import BioTokenizer
from .decoding import Prompt
from .smiles_grammar import BONDS, ORGANIC, SYMBOLS, SmilesState, advance, distance

_SIGNS = BONDS | frozenset(("(", ")", "[", "]", ".", "%", "+", "@", "@@", *"0123456789"))


class SmilesConstraint:
    """Lets a model write only what can still become a whole SMILES in the tokens that are left.

    Branches, brackets, ring bonds and bonds are all closed when a sequence ends, also where it ends
    because `max_new_tokens` are written. Valences are not looked at. Dative bonds, reactions,
    chirality classes such as `@TB` and new two-digit ring numbers are not written.

    Parameters
    ----------
    tokenizer
        A SMILES tokenizer, of one character, atom or sign a token.
    stop_ids
        Tokens that end a molecule; allowed where it is whole.

    Raises
    ------
    UsageError
        The tokenizer does not write SMILES.

    Examples
    --------
    >>> from biosequence.tokenizers import SmilesTokenizer
    >>> smiles = SmilesTokenizer()
    >>> grammar = SmilesConstraint(smiles, [smiles.vocabulary.id("<eos>")])
    >>> state = grammar.start(Prompt(smiles.encode("C1CC")[:-1]))
    >>> mask = grammar.allowed(state, left=1)
    >>> [smiles.vocabulary.token(int(number)) for number in np.flatnonzero(mask)]
    ['1']
    """

    def __init__(self, tokenizer: BioTokenizer, stop_ids: Sequence[int]) -> None:
        if tokenizer.name not in ("smiles", "smiles-legacy"):
            raise UsageError(
                f"A model with the tokenizer {tokenizer.name!r} does not write SMILES.",
                where="option constrain",
                fix="Leave the option out: every SELFIES is a molecule already."
                if tokenizer.name == "selfies"
                else "Leave the option out.",
            )
        self.tokens = tokenizer.vocabulary.tokens
        self._specials = frozenset(tokenizer.vocabulary.special_ids.tolist())
        self._stops = np.zeros(len(self.tokens), dtype=bool)
        self._stops[list(stop_ids)] = True
        self._groups = self._grouped()

    def start(self, prompt: Prompt) -> SmilesState:
        """The state behind what a prompt holds already.

        Raises
        ------
        InputError
            It is not the beginning of a SMILES.
        """
        state, text = SmilesState(), ""
        for number in prompt.ids.tolist():
            if number in self._specials:
                continue
            token = self.tokens[number]
            if token == "." and not state.atoms:
                # What separates a molecule from the examples before it is no part of it.
                continue
            after = self._after(state, token)
            if after is None:
                place = len(text) + 1
                raise InputError(
                    f"{token!r} at position {place} (counted from 1) cannot follow {text[-20:]!r}.",
                    where=f"prompt {(text + token)[:80]!r}",
                    fix="Give the beginning of a SMILES, or leave --constrain out.",
                )
            state, text = after, text + token
        return state

    def allowed(self, state: SmilesState, left: int) -> np.ndarray:
        """Tokens that may come when `left` may still be written, bool (V,).

        Where the tokens left cannot close what a prompt has opened, those are allowed that come
        nearest to it.
        """
        mask = self._stops.copy() if state.is_closed else np.zeros_like(self._stops)
        two_digits = any(ring.number > 9 for ring in state.rings)
        room = max(left, distance(state)) - 1
        for token, group in self._groups:
            if token == "%" and not two_digits:
                continue
            after = advance(state, token)
            if after is not None and distance(after) <= room:
                mask |= group
        return mask & ~self._stops if not state.is_closed else mask

    def advance(self, state: SmilesState, token: int) -> SmilesState:
        """The state after a token that was allowed."""
        after = self._after(state, self.tokens[token])
        assert after is not None
        return after

    def _after(self, state: SmilesState, token: str) -> SmilesState | None:
        # Learned vocabularies have whole ring numbers as tokens.
        for part in token if token[0] == "%" else (token,):
            after = advance(state, part)
            if after is None:
                return None
            state = after
        return state

    def _grouped(self) -> list[tuple[str, np.ndarray]]:
        """Tokens that the grammar treats alike, each group by one of its tokens."""
        groups: dict[tuple[bool, bool, str], list[int]] = {}
        for number, token in enumerate(self.tokens):
            atom, symbol = token in ORGANIC, token in SYMBOLS
            if atom or symbol or token in _SIGNS:
                alike = "" if (atom or symbol) and token != "H" else token
                groups.setdefault((atom, symbol, alike), []).append(number)
        found = []
        for numbers in groups.values():
            mask = np.zeros(len(self.tokens), dtype=bool)
            mask[numbers] = True
            found.append((self.tokens[numbers[0]], mask))
        return found
