"""Homologs of a family in one context, with spans to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from ...errors import UsageError
from ...tokenizers import ProteinTokenizer
from ...tokenizers.protein import PROTEIN_VOCABULARY
from ..data.epochs import EpochDataset, Example
from ..data.families import Families
from ..data.sources import open_documents
from .batches import IGNORED, model_inputs
from .language import LanguageObjective, unpredicted_ids
from .objective import Head, Losses
from .token_losses import next_token_losses

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...tokenizers import BioTokenizer


@dataclass(frozen=True, kw_only=True)
class FimSettings:
    """Keys of `fim`; the defaults are those of ProtMamba and Prot-xLSTM.

    Parameters
    ----------
    spans
        Draw spans of each homolog to be filled in at its end.
    only_spans
        Predict the fillings only.
    positions
        Give the model positions within each homolog, and the number of the homolog.
    last_position
        Larger positions become this one; the published models have 2,048.
    unpredicted
        Tokens that are read and never predicted, besides padding and unknown.
    """

    spans: bool = True
    only_spans: bool = False
    positions: bool = True
    last_position: int = 2047
    unpredicted: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.only_spans and not self.spans:
            raise UsageError(
                "Without spans there is no filling to predict.",
                where="[objective], keys spans and only_spans",
                fix="Set spans = true, or leave only_spans out.",
            )
        if self.last_position < 1:
            raise UsageError(
                f"last_position = {self.last_position} is not possible.",
                where="[objective], key last_position",
                fix="Give 1 or more; 2047 is usual.",
            )


class Fim(LanguageObjective):
    """Next-token prediction over homologs, with fill-in-the-middle; parts: residues, spans.

    The part `spans` is what stands after `<eos>` of a homolog: fillings and the marks between
    them. The part `residues` is all the rest that is predicted.
    """

    name: ClassVar[str] = "fim"
    head: ClassVar[Head] = "causal-lm"
    Settings: ClassVar[type] = FimSettings

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean cross-entropy of the predicted tokens, and of its two parts."""
        logits = model(**model_inputs(model, batch)).logits
        inside = in_fillings(batch["input_ids"])
        return next_token_losses(logits, batch["labels"], {"residues": ~inside, "spans": inside})

    def _dataset(
        self, path: str, tokenizer: BioTokenizer, length: int, seed: int, *, train: bool
    ) -> EpochDataset:
        if not isinstance(tokenizer, ProteinTokenizer):
            raise UsageError(
                f"The objective fim reads proteins, and the tokenizer is {tokenizer.name!r}.",
                where="[tokenizer]",
                fix='Use name = "protein".',
            )
        settings = self.settings
        return Families(
            open_documents(path, tokenizer),
            tokenizer,
            length,
            seed,
            shuffle=train,
            spans=settings.spans,
            last_position=settings.last_position,
            transform=partial(
                _labelled,
                left_out=unpredicted_ids(tokenizer.vocabulary, settings.unpredicted),
                settings=settings,
            ),
        )


def in_fillings(ids: Any) -> Any:
    """True at what stands after `<eos>` and before the next `<cls>`; ids (rows, tokens).

    Examples
    --------
    >>> ids = ProteinTokenizer().encode("MKT<mask-1><eos><mask-1>A<cls>M")
    >>> in_fillings(torch.from_numpy(ids)[None]).long().tolist()
    [[0, 0, 0, 0, 0, 0, 1, 1, 0, 0]]
    """
    place = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    closed = (place * (ids == PROTEIN_VOCABULARY.role_id("eos"))).cummax(1).values
    opened = (place * (ids == PROTEIN_VOCABULARY.role_id("cls"))).cummax(1).values
    return (closed > opened) & (closed != place)


def _labelled(
    example: Example, chance: np.random.Generator, *, left_out: np.ndarray, settings: FimSettings
) -> Example:
    ids = example["input_ids"]
    silent = np.isin(ids, left_out)
    silent[0] = True
    if settings.only_spans:
        silent |= ~in_fillings(torch.from_numpy(ids)[None])[0].numpy()
    found = example | {"labels": np.where(silent, IGNORED, ids)}
    if not settings.positions:
        del found["position_ids"], found["seq_position_ids"]
    return found
