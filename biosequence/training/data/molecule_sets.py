"""Molecules of a domain as one example, in another order each epoch."""

from __future__ import annotations

import numpy as np

from ...errors import InputError, UsageError
from ...tokenizers import BioTokenizer
from .documents import TokenDocuments
from .epochs import EpochDataset, Example, Transform
from .groups import GroupIndex, enough


class MoleculeSets(EpochDataset):
    """Examples of a domain: its molecules joined by `.` in random order.

    As many molecules as fill the length are taken; the last may be cut off, and the closing token
    stands only where all molecules fit. Documents with groups are molecules; without, each is a
    domain of its own whose molecules are joined by `.` already (a salt then counts as several). An
    example holds `input_ids`, int64 of shape (tokens,).

    Parameters
    ----------
    documents
        What to read.
    tokenizer
        How they are read; it has the token `.`.
    examples_per_domain
        Examples of each domain in an epoch, each in an order of its own.
    random_smiles
        Write molecules with their atoms in random order; one that is no valid SMILES stays as it
        is.
    length, seed, shuffle, transform
        As in :class:`EpochDataset`; the order of molecules is random without `shuffle`, too, but
        always the same.

    Raises
    ------
    UsageError
        If the tokenizer has no token `.`.
    """

    def __init__(
        self,
        documents: TokenDocuments,
        tokenizer: BioTokenizer,
        length: int,
        seed: int,
        *,
        shuffle: bool,
        examples_per_domain: int = 1,
        random_smiles: bool = False,
        transform: Transform | None = None,
    ) -> None:
        super().__init__(length, seed, shuffle=shuffle, transform=transform)
        if "." not in tokenizer.vocabulary:
            raise UsageError(
                f"The tokenizer {tokenizer.name!r} has no token '.' to join molecules with.",
                where="objective in-context",
                fix="Use the tokenizer smiles.",
            )
        vocabulary = tokenizer.vocabulary
        self.documents = documents
        self._groups = None if documents.groups is None else GroupIndex(documents)
        self._lengths = documents.lengths
        self._tokenizer = tokenizer
        self._special = vocabulary.special_ids
        self._dot = vocabulary.id(".")
        self._prefix, self._suffix = (
            vocabulary.ids(tokenizer.prefix),
            vocabulary.ids(tokenizer.suffix),
        )
        self._repeats = examples_per_domain
        self._random = random_smiles

    def __len__(self) -> int:
        domains = len(self.documents) if self._groups is None else len(self._groups)
        return domains * self._repeats

    def _example(self, number: int, chance: np.random.Generator) -> Example:
        molecules, whole = self._drawn(number // self._repeats, chance)
        parts = [self._prefix]
        for place, molecule in enumerate(molecules):
            if place:
                parts.append(np.array([self._dot]))
            parts.append(self._rewritten(molecule, chance) if self._random else molecule)
        ids = np.concatenate([*parts, *([self._suffix] if whole else [])]).astype(np.int64)
        return {"input_ids": ids[: self.length]}

    def _sources(self, number: int) -> list[int]:
        return [number // self._repeats]

    def _drawn(self, domain: int, chance: np.random.Generator) -> tuple[list[np.ndarray], bool]:
        """Molecules that fill the length, without special tokens, and whether that is all."""
        if self._groups is not None:
            members = chance.permutation(self._groups.members(domain))
            # Special tokens of each are left out and a dot comes in.
            sizes = self._lengths[members] - len(self._prefix) - len(self._suffix) + 1
            chosen = enough(members, sizes, self.length)
            found = [self._bare(self.documents[int(index)]) for index in chosen]
            return found, len(chosen) == len(members)
        ids = self._bare(self.documents[domain])
        ends = np.append(np.flatnonzero(ids == self._dot), len(ids))
        starts = np.append(0, ends[:-1] + 1)
        order = chance.permutation(np.flatnonzero(ends > starts))
        chosen = enough(order, (ends - starts + 1)[order], self.length)
        found = [ids[starts[number] : ends[number]] for number in chosen]
        return found, len(chosen) == len(order)

    def _bare(self, ids: np.ndarray) -> np.ndarray:
        return ids[~np.isin(ids, self._special)]

    def _rewritten(self, molecule: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        from ...tokenizers.smiles_chemistry import random_smiles

        try:
            text = random_smiles(self._tokenizer.decode(molecule), chance)[0]
            return self._tokenizer.encode(text, special_tokens=False)
        except InputError:
            # Public sets hold names and broken entries; learning to copy them is no harm.
            return molecule
