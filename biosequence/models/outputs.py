"""What models return; every field can be None."""

# Shapes: B batch, T time, D width, V vocabulary, K labels.

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from transformers.utils import ModelOutput

from .cache import SequenceCache


@dataclass
class SequenceModelOutput(ModelOutput):
    """Hidden states of a backbone."""

    last_hidden_state: Tensor | None = None
    """(B, T, D) after the final norm; 2D channels where both strands share parameters."""
    cache_params: SequenceCache | None = None
    """States to continue from, for causal models."""
    hidden_states: tuple[Tensor, ...] | None = None
    """Input of every block, then the last hidden state."""


@dataclass
class SequenceLMOutput(ModelOutput):
    """Token scores of a causal or masked language model."""

    loss: Tensor | None = None
    """Mean cross-entropy over labels that are not -100."""
    logits: Tensor | None = None
    """(B, T, V)."""
    cache_params: SequenceCache | None = None
    """States to continue from, for causal models."""
    hidden_states: tuple[Tensor, ...] | None = None
    """Input of every block, then the last hidden state."""


@dataclass
class SequenceLabelOutput(ModelOutput):
    """Scores of a classification or regression head."""

    loss: Tensor | None = None
    """Loss against the labels."""
    logits: Tensor | None = None
    """(B, K) for a sequence, (B, T, K) for tokens."""
    hidden_states: tuple[Tensor, ...] | None = None
    """Input of every block, then the last hidden state."""
