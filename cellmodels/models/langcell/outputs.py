"""What LangCell models return."""

# Shapes: B cells, L genes, D cell width, N texts, T tokens, H text width, P shared width.

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from transformers.utils import ModelOutput


@dataclass
class CellEncoding(ModelOutput):
    """Cells as the model sees them."""

    hidden: Tensor | None = None
    """(B, L, D) state of each gene; what matching reads."""
    embedding: Tensor | None = None
    """(B, P) of length 1, comparable with texts."""


@dataclass
class TextEncoding(ModelOutput):
    """Texts as the model sees them on their own."""

    hidden: Tensor | None = None
    """(N, T, H) state of each token."""
    embedding: Tensor | None = None
    """(N, P) of length 1, comparable with cells."""


@dataclass
class LangCellOutput(ModelOutput):
    """All cells of a batch against all texts."""

    similarity: Tensor | None = None
    """(B, N) cosines over the temperature."""
    cell_embedding: Tensor | None = None
    """(B, P) of length 1."""
    text_embedding: Tensor | None = None
    """(N, P) of length 1."""
    cell_hidden: Tensor | None = None
    """(B, L, D) states of the genes."""
    text_hidden: Tensor | None = None
    """(N, T, H) states of the tokens."""
