"""The next token of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..data.epochs import Example, Transform
from .batches import IGNORED, model_inputs
from .language import LanguageObjective, document_starts, unpredicted_ids
from .objective import Head, Losses
from .token_losses import next_token_losses

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...tokenizers import BioTokenizer


@dataclass(frozen=True, kw_only=True)
class CausalLMSettings:
    """Keys of `causal-lm`.

    Parameters
    ----------
    packing
        True: documents end to end in windows of full length. False: one document a row, filled up.
        None: rows where nine of ten documents fit into the length.
    unpredicted
        Tokens that are read and never predicted, besides padding and unknown; None: N in DNA.
    """

    packing: bool | None = None
    unpredicted: tuple[str, ...] | None = None


class CausalLM(LanguageObjective):
    """Next-token prediction; the mean over predicted tokens.

    The first token of a document is not predicted: nothing before it tells of it.
    """

    name: ClassVar[str] = "causal-lm"
    head: ClassVar[Head] = "causal-lm"
    Settings: ClassVar[type] = CausalLMSettings

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean cross-entropy of the predicted tokens."""
        logits = model(**model_inputs(model, batch)).logits
        return next_token_losses(logits, batch["labels"])

    def _transform(self, tokenizer: BioTokenizer, *, train: bool) -> Transform:
        return partial(
            labelled, left_out=unpredicted_ids(tokenizer.vocabulary, self.settings.unpredicted)
        )


def labelled(example: Example, chance: np.random.Generator, *, left_out: np.ndarray) -> Example:
    """The example with labels: its own tokens, but for first ones and those left out."""
    ids = example["input_ids"]
    silent = document_starts(example) | np.isin(ids, left_out)
    return example | {"labels": np.where(silent, IGNORED, ids)}
