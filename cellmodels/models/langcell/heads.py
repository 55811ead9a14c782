"""The head that names masked genes."""

# Shapes: D width, V genes.

from __future__ import annotations

from torch import Tensor, nn
from transformers.activations import ACT2FN


class MaskedGeneHead(nn.Module):
    """Scores of every gene from hidden states, as BERT's head for masked tokens.

    Parameters
    ----------
    width, num_genes
        Sizes.
    hidden_act, norm_eps
        Activation and norm before the scores.
    """

    def __init__(self, width: int, num_genes: int, hidden_act: str, norm_eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.act = ACT2FN[hidden_act]
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.decoder = nn.Linear(width, num_genes)

    def forward(self, hidden: Tensor) -> Tensor:
        """Scores (..., V) of states (..., D)."""
        return self.decoder(self.norm(self.act(self.dense(hidden))))
