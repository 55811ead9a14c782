"""Homologs of a family as one example, in another order each epoch."""

from __future__ import annotations

import numpy as np

from ...tokenizers import ProteinTokenizer, concatenate_homologs
from .documents import TokenDocuments
from .epochs import EpochDataset, Example, Transform
from .groups import GroupIndex, enough


class Families(EpochDataset):
    """One example a family: homologs in random order, spans moved to the end of each.

    As many homologs as fill the length are taken; the last may be cut off. An example holds
    `input_ids`, `position_ids` (within a sequence) and `seq_position_ids` (number of the
    sequence), int64 of shape (tokens,); see :func:`~biosequence.tokenizers.concatenate_homologs`.

    Parameters
    ----------
    documents
        Proteins with groups.
    tokenizer
        How they are read.
    spans
        Draw spans to fill in, as ProtMamba does.
    last_position
        Larger positions become this one.
    length, seed, shuffle, transform
        As in :class:`EpochDataset`; the order of homologs is random without `shuffle`, too, but
        always the same.

    Raises
    ------
    InputError
        If the documents have no groups.
    """

    def __init__(
        self,
        documents: TokenDocuments,
        tokenizer: ProteinTokenizer,
        length: int,
        seed: int,
        *,
        shuffle: bool,
        spans: bool = True,
        last_position: int = 2047,
        transform: Transform | None = None,
    ) -> None:
        super().__init__(length, seed, shuffle=shuffle, transform=transform)
        self.documents = documents
        self._groups = GroupIndex(documents)
        self._lengths = documents.lengths
        self._tokenizer = tokenizer
        # An unknown residue is one: only what opens and closes a sequence is left out.
        self._marks = [tokenizer.vocabulary.role_id(role) for role in ("cls", "eos", "pad")]
        self._spans = spans
        self._last = last_position

    def __len__(self) -> int:
        return len(self._groups)

    def _example(self, number: int, chance: np.random.Generator) -> Example:
        order = chance.permutation(self._groups.members(number))
        order = enough(order, self._lengths[order], self.length)
        found = concatenate_homologs(
            [self._text(int(index)) for index in order],
            self._tokenizer,
            spans="sample" if self._spans else None,
            generator=chance,
            last_position=self._last,
        )
        kept = slice(self.length)
        return {
            "input_ids": found.input_ids[kept],
            "position_ids": found.position_ids[kept],
            "seq_position_ids": found.sequence_ids[kept],
        }

    def _text(self, index: int) -> str:
        ids = self.documents[index]
        return self._tokenizer.decode(ids[~np.isin(ids, self._marks)])
