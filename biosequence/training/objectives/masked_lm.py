"""Hidden tokens of a sequence, read both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ...errors import UsageError
from ...tokenizers import mask_tokens, reverse_complement_ids
from ..data.epochs import Example, Transform
from .batches import model_inputs
from .language import LanguageObjective, unpredicted_ids
from .objective import Head, Losses
from .settings import check_fraction
from .token_losses import token_losses

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...tokenizers import BioTokenizer


@dataclass(frozen=True, kw_only=True)
class MaskedLMSettings:
    """Keys of `masked-lm`; the defaults are those of Caduceus and DNA-xLSTM.

    Parameters
    ----------
    probability
        For a token, to be hidden.
    masked_share, random_share
        Of the hidden: replaced by the mask, by a random token; the rest stays and is predicted.
    random_from
        Random tokens are any ids, special ones included (published), or letters only.
    reverse_complement
        Probability of reading the other strand while training; None: 0.5 where tokens have
        complements, 0 elsewhere.
    packing, unpredicted
        As in :class:`CausalLMSettings`.
    """

    probability: float = 0.15
    masked_share: float = 0.8
    random_share: float = 0.1
    random_from: Literal["all", "letters"] = "all"
    reverse_complement: float | None = None
    packing: bool | None = None
    unpredicted: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("probability", "masked_share", "random_share", "reverse_complement"):
            check_fraction(name, getattr(self, name) or 0)
        if self.probability == 0:
            raise UsageError(
                "probability = 0 hides nothing.",
                where="[objective], key probability",
                fix="Give more than 0; 0.15 is usual.",
            )
        if self.masked_share + self.random_share > 1 + 1e-9:
            raise UsageError(
                f"masked_share = {self.masked_share} and random_share = {self.random_share} "
                "are more than all.",
                where="[objective], keys masked_share and random_share",
                fix="Give shares whose sum is at most 1.",
            )


class MaskedLM(LanguageObjective):
    """Masked language modelling (Devlin et al. 2019); the mean over hidden tokens."""

    name: ClassVar[str] = "masked-lm"
    head: ClassVar[Head] = "masked-lm"
    Settings: ClassVar[type] = MaskedLMSettings

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean cross-entropy of the hidden tokens."""
        return token_losses(model(**model_inputs(model, batch)).logits, batch["labels"])

    def _transform(self, tokenizer: BioTokenizer, *, train: bool) -> Transform:
        flips = self.settings.reverse_complement
        if flips and not tokenizer.vocabulary.complement:
            raise UsageError(
                f"The tokenizer {tokenizer.name!r} has no complements.",
                where="[objective], key reverse_complement",
                fix="Leave it out, or set it to 0.",
            )
        if flips is None:
            flips = 0.5 if tokenizer.vocabulary.complement else 0.0
        # Refused now, and not by the first example, where there is nothing to hide with.
        tokenizer.vocabulary.role_id("mask")
        return _Masking(tokenizer, self.settings, flips if train else 0.0)


class _Masking:
    def __init__(self, tokenizer: BioTokenizer, settings: MaskedLMSettings, flips: float) -> None:
        self.vocabulary = tokenizer.vocabulary
        self.settings = settings
        self.flips = flips
        self.left_out = unpredicted_ids(self.vocabulary, settings.unpredicted)
        kept = {
            self.vocabulary.role_id(role) for role in ("mask", "unk") if self.vocabulary.role(role)
        }
        self.fixed = np.setdiff1d(self.vocabulary.special_ids, list(kept))

    def __call__(self, example: Example, chance: np.random.Generator) -> Example:
        ids = example["input_ids"]
        if self.flips and chance.random() < self.flips:
            ids = self._other_strand(ids, example.get("seq_idx"))
        hidden, labels = mask_tokens(
            ids,
            self.vocabulary,
            chance,
            probability=self.settings.probability,
            masked_share=self.settings.masked_share,
            random_share=self.settings.random_share,
            random_from=self.settings.random_from,
            maskable=~np.isin(ids, self.left_out),
        )
        return example | {"input_ids": hidden, "labels": labels}

    def _other_strand(self, ids: np.ndarray, owners: np.ndarray | None) -> np.ndarray:
        """The other strand of each document in its place; special tokens stay where they are."""
        moving = ~np.isin(ids, self.fixed)
        edges = [] if owners is None else np.flatnonzero(np.diff(owners)) + 1
        return np.concatenate(
            [
                reverse_complement_ids(part, self.vocabulary, mask=own)
                for part, own in zip(np.split(ids, edges), np.split(moving, edges), strict=True)
            ]
        )
