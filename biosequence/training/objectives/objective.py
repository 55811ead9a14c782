"""What an objective is: data in, batches and losses out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...tokenizers import BioTokenizer

Head = Literal["causal-lm", "masked-lm", "sequence-classification", "token-classification"]


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

    Attributes
    ----------
    name
        Its name in the registry.
    head
        Which head the model is built with.
    Settings
        Frozen dataclass of its keys in a recipe.
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
