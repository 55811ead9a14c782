"""SELFIES, in which every string is a molecule (Krenn et al. 2020); needs the extra `chem`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from ..errors import InputError
from ..extras import require
from .huggingface import Splitting
from .padding import Side
from .smiles import ROLES, SPECIALS
from .tokenizer import BioTokenizer, unknown_letter
from .vocabulary import Vocabulary

PATTERN = r"\[[^\[\]]*\]|[\s\S]"


class SelfiesTokenizer(BioTokenizer):
    """One token for each symbol of a SELFIES.

    Parameters
    ----------
    symbols
        Symbols such as `[C]`, in the order of their ids after the five special ones; default: the
        alphabet that the installed package calls semantically robust, sorted, and `.`.
    padding_side
        Where batches are filled up.

    Raises
    ------
    MissingExtraError
        Without symbols, when the package `selfies` is not installed.

    Examples
    --------
    >>> SelfiesTokenizer(["[C]", "[=O]"]).tokens("[C][C][=O]")
    ['[C]', '[C]', '[=O]']
    """

    name = "selfies"

    def __init__(
        self, symbols: Sequence[str] | None = None, *, padding_side: Side = "right"
    ) -> None:
        if symbols is None:
            alphabet = require("chem", "selfies").get_semantic_robust_alphabet()
            symbols = [*sorted(alphabet), "."]
        self._pattern = re.compile(PATTERN)
        super().__init__(
            Vocabulary((*SPECIALS, *symbols), ROLES, SPECIALS),
            prefix=("<bos>",),
            suffix=("<eos>",),
            padding_side=padding_side,
        )
        self._ids = {token: number for number, token in enumerate(self.vocabulary.tokens)}

    @classmethod
    def from_smiles(cls, molecules: Iterable[str], **options: Any) -> Self:
        """A tokenizer with the symbols that some SMILES need, sorted.

        Raises
        ------
        MissingExtraError
            If the package `selfies` is not installed.
        InputError
            If a molecule cannot be written as SELFIES.
        """
        pattern = re.compile(PATTERN)
        found = {symbol for smiles in molecules for symbol in pattern.findall(to_selfies(smiles))}
        return cls(sorted(found | {"."}), **options)

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values; the vocabulary apart."""
        return {"padding_side": self.padding_side}

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        ids, place = [], start
        for symbol in self._pattern.findall(text):
            if symbol not in self._ids:
                what = "no symbol of this SELFIES vocabulary"
                fix = "Convert SMILES with to_selfies first, or make the vocabulary from your data."
                raise unknown_letter(symbol, place, name, what, fix)
            ids.append(self._ids[symbol])
            place += len(symbol)
        return np.array(ids, dtype=np.int64)

    def _splitting(self) -> Splitting:
        return Splitting(PATTERN)

    @classmethod
    def _rebuild(cls, options: Mapping[str, Any], vocabulary: Vocabulary) -> Self:
        return cls(vocabulary.tokens[len(SPECIALS) :], **options)


def to_selfies(smiles: str) -> str:
    """A SMILES written as SELFIES.

    Raises
    ------
    MissingExtraError
        If the package `selfies` is not installed.
    InputError
        If the molecule cannot be written so.
    """
    package = require("chem", "selfies")
    try:
        return package.encoder(smiles)
    except package.EncoderError as error:
        raise InputError(
            "The molecule cannot be written as SELFIES.",
            where=f"SMILES {smiles[:80]!r}",
            fix="Check it, or leave it out: SELFIES has no * and no unusual valences.",
        ) from error


def to_smiles(selfies: str) -> str:
    """A SELFIES written as SMILES; every SELFIES is a molecule.

    Raises
    ------
    MissingExtraError
        If the package `selfies` is not installed.
    InputError
        If it holds text that is no symbol.
    """
    package = require("chem", "selfies")
    try:
        return package.decoder(selfies)
    except package.DecoderError as error:
        raise InputError(
            "The SELFIES cannot be read.",
            where=f"SELFIES {selfies[:80]!r}",
            fix="Give symbols in brackets, such as [C][=O].",
        ) from error
