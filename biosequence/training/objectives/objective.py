"""What an objective is: data in, batches and losses out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...tokenizers import BioTokenizer

Head = Literal[
    "causal-lm", "masked-lm", "pretraining", "sequence-classification", "token-classification"
]


@dataclass(frozen=True)
class Losses:
    """The loss of a batch, and what it is made of.

    Parameters
    ----------
    total
        What is minimised: the mean over what the batch predicts.
    parts
        Means of its parts, for the log, without gradients.
    weight
        How much the batch predicts, tokens or items. Averages over batches weigh by it; 0 where
        there was nothing to predict.
    part_weights
        The same for each part; a part that is not named has the weight of the whole.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    weight: Tensor | float = 1.0
    part_weights: Mapping[str, Tensor | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Datasets:
    """What to train on and what to watch; map-style, see :class:`EpochDataset`."""

    train: Any
    validation: Any = None


@runtime_checkable
class Objective(Protocol):
    """What the trainer needs to know of a task.

    It is made with its settings and the :class:`DataSettings`, or a dataclass of its own that the
    class attribute `Data` names. More methods are used where they are there: `weight(batch)`, how
    much a batch predicts, known before the model sees it; `data_tokenizer()`, what the data were
    made with; `open_tokenizer(folder)`, what a trained model reads with; `prepare_model(model,
    tokenizer)`, to check it or to freeze parts of it; and a dataset's `documents_of(index)`, for
    messages.

    Attributes
    ----------
    name
        Its name in the registry.
    head
        Which head the model is built with.
    Settings
        Frozen dataclass of its keys in a recipe.

    Examples
    --------
    An objective of two losses: the next token, and scores that stay near zero.

    >>> from biosequence.training.objectives import (
    ...     CausalLM, DataSettings, CausalLMSettings, model_inputs, next_token_losses)
    >>> class NextTokenAndScale(CausalLM):
    ...     name = "next-token-and-scale"
    ...     def loss(self, model, batch):
    ...         logits = model(**model_inputs(model, batch)).logits
    ...         tokens = next_token_losses(logits, batch["labels"])
    ...         told = batch["labels"] != -100
    ...         scale = logits[told].logsumexp(-1).square().mean()
    ...         parts = {"tokens": tokens.total.detach(), "scale": scale.detach()}
    ...         return Losses(tokens.total + 1e-4 * scale, parts, tokens.weight)
    >>> objective = NextTokenAndScale(CausalLMSettings(packing=True), DataSettings(train="shards"))
    >>> isinstance(objective, Objective)
    True

    `register_objective("next-token-and-scale", "my_module:NextTokenAndScale")` makes it known to
    recipes.
    """

    name: ClassVar[str]
    head: ClassVar[Head]
    Settings: ClassVar[type]

    def datasets(self, tokenizer: BioTokenizer, length: int, seed: int) -> Datasets:
        """What to train on, in examples of at most `length` tokens."""
        ...

    def collate(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples as the arguments of a model, labels included."""
        ...

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """The loss of a batch."""
        ...

    def model_options(self, tokenizer: BioTokenizer) -> dict[str, Any]:
        """What the task says of the model's configuration, plain values."""
        ...

    def manifest(self) -> dict[str, Any]:
        """Checksums of what it reads, plain values."""
        ...
