"""Cells of a corpus as examples: their genes, some of them hidden, and a text for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biosequence.tokenizers import Vocabulary, mask_tokens
from biosequence.training.data import EpochDataset, TokenDocuments
from biosequence.training.objectives import collate_rows
from biosequence.training.objectives.batches import IGNORED


@dataclass(frozen=True)
class TextGroups:
    """Encoded texts.

    Parameters
    ----------
    variants
        For each group the token ids of its texts.
    identities
        Number of what each group says; int64 of shape (groups,).
    """

    variants: Sequence[Sequence[np.ndarray]]
    identities: np.ndarray


class CellTexts(EpochDataset):
    """One cell an example, with a text where there are texts.

    An example holds `cell` (its number), `input_ids` (the strongest `length` genes), and as asked
    for: `masked_ids` and `labels`; `view_ids`, a random part of the genes; `text_ids` and
    `identity`; and `draws`, the random numbers by which it finds its negatives. Another epoch
    draws another text, other masks and another part.

    The order of an epoch is random: cells of like length are often of like type, and batches of
    them would lack negatives.

    Parameters
    ----------
    cells
        Ids of genes, strongest first, after ``<cls>``.
    vocabulary
        Theirs.
    texts
        With `cells.groups`; None: no texts.
    mask_rate
        Part of the genes that is hidden; None: none, and no labels.
    view_share
        Part of the genes in the second view; None: no such view.
    length, seed, shuffle
        As in :class:`~biosequence.training.data.EpochDataset`.
    """

    def __init__(
        self,
        cells: TokenDocuments,
        vocabulary: Vocabulary,
        length: int,
        seed: int,
        *,
        shuffle: bool,
        texts: TextGroups | None = None,
        mask_rate: float | None = None,
        view_share: float | None = None,
    ) -> None:
        super().__init__(length, seed, shuffle=shuffle)
        self.documents = cells
        self._vocabulary = vocabulary
        self._texts = texts
        self._mask_rate = mask_rate
        self._view_share = view_share

    def __len__(self) -> int:
        return len(self.documents)

    def _example(self, number: int, chance: np.random.Generator) -> dict[str, Any]:
        ids = self.documents[number][: self.length].astype(np.int64)
        # Drawn first, whatever else is asked for, so that switching a loss changes no other draw.
        draws = chance.random(3, dtype=np.float32)
        example: dict[str, Any] = {"cell": number, "input_ids": ids, "draws": draws[:2]}
        if self._texts is not None:
            group = int(self.documents.groups[number])
            variants = self._texts.variants[group]
            example["text_ids"] = variants[int(draws[2] * len(variants))]
            example["identity"] = int(self._texts.identities[group])
        if self._mask_rate is not None:
            example["masked_ids"], example["labels"] = mask_tokens(
                ids, self._vocabulary, chance, probability=self._mask_rate
            )
        if self._view_share is not None:
            special = np.isin(ids, self._vocabulary.special_ids)
            example["view_ids"] = ids[special | (chance.random(len(ids)) < self._view_share)]
        return example


def collate_cells(
    examples: Sequence[Mapping[str, Any]], *, gene_pad: int, text_pad: int
) -> dict[str, Tensor]:
    """Examples of :class:`CellTexts` as one batch.

    Returns
    -------
    `input_ids`, `attention_mask`, `cell`, `draws`, `identity` (-1: no text), and for what the
    examples hold: `masked_ids`, `labels`; `view_ids`, `view_mask`; `text_ids`, `text_mask`.
    """
    rows = {"input_ids", "masked_ids", "labels"} & set(examples[0])
    fills = {"input_ids": gene_pad, "masked_ids": gene_pad, "labels": IGNORED}
    batch = collate_rows([{name: one[name] for name in sorted(rows)} for one in examples], fills)
    for name, pad in (("view", gene_pad), ("text", text_pad)):
        if f"{name}_ids" in examples[0]:
            found = collate_rows(
                [{"input_ids": one[f"{name}_ids"]} for one in examples], {"input_ids": pad}
            )
            batch |= {f"{name}_ids": found["input_ids"], f"{name}_mask": found["attention_mask"]}
    batch["cell"] = torch.tensor([one["cell"] for one in examples])
    batch["identity"] = torch.tensor([one.get("identity", -1) for one in examples])
    batch["draws"] = torch.from_numpy(np.stack([one["draws"] for one in examples]))
    return batch


def encode_groups(
    encode: Callable[[list[str]], list[list[int]]],
    texts: Sequence[Sequence[str]],
    identities: np.ndarray,
) -> TextGroups:
    """All texts of a corpus, encoded once.

    Parameters
    ----------
    encode
        Texts to ids.
    texts
        Variants of each group.
    identities
        As in :class:`TextGroups`.
    """
    found = iter(encode([text for variants in texts for text in variants]))
    encoded = [[np.asarray(next(found), dtype=np.int64) for _ in variants] for variants in texts]
    return TextGroups(encoded, identities)
