"""A cell tower without attention: a weighted sum of gene vectors, and the vectors of the top genes.

The weight of a gene follows from its rank alone. The cost is one row of a table for each gene, so
that two cores read tens of thousands of cells a second; what is lost is every interaction between
genes that a sum cannot see. Sums over sets in this form: Zaheer et al., 2017, "Deep Sets".
"""

# Shapes: B cells, L genes, D width, K genes whose states are kept, I ids of all cells.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput

from biosequence.models.config_checks import refuse


class GeneBagConfig(PreTrainedConfig):
    """Sizes of a gene bag.

    Parameters
    ----------
    vocab_size
        Genes and special tokens.
    hidden_size
        Width of the gene vectors and of their sum.
    num_ranks
        Ranks with a weight of their own; genes further down share the last one.
    num_states
        Genes whose vectors are handed on as states, the highest ranks: what a text looks at.
    hidden_dropout_prob
        Of the sum.
    pad_token_id
        Token that fills up short cells.
    initializer_range
        Standard deviation of new gene vectors.

    Raises
    ------
    ModelError
        A size is below 1.
    """

    model_type = "gene-bag"

    vocab_size: int = 25_427
    hidden_size: int = 256
    num_ranks: int = 2048
    num_states: int = 64
    hidden_dropout_prob: float | int = 0.3
    pad_token_id: int | None = 0
    initializer_range: float = 0.05

    def __post_init__(self, **kwargs: Any) -> None:
        """Check the sizes."""
        super().__post_init__(**kwargs)
        for name in ("vocab_size", "hidden_size", "num_ranks", "num_states"):
            if getattr(self, name) < 1:
                refuse(f"{name} = {getattr(self, name)}.", f"cell_config.{name}", "Give 1 or more.")


class GeneBagModel(PreTrainedModel):
    """State 0 is the cell, the sum of its genes; states 1 to K are its K highest genes.

    Examples
    --------
    >>> bag = GeneBagModel(GeneBagConfig(vocab_size=9, hidden_size=4, num_states=2)).eval()
    >>> states = bag(torch.tensor([[8, 3, 2, 5], [8, 4, 0, 0]])).last_hidden_state
    >>> tuple(states.shape)
    (2, 3, 4)
    """

    config: GeneBagConfig
    config_class = GeneBagConfig
    base_model_prefix = "gene_bag"

    def __init__(self, config: GeneBagConfig) -> None:
        super().__init__(config)
        self.genes = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.rank_weight = nn.Parameter(torch.empty(config.num_ranks))
        self.bias = nn.Parameter(torch.zeros(config.hidden_size))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.initializer_range)
        elif isinstance(module, GeneBagModel):
            falling = torch.linspace(1.0, 0.1, self.config.num_ranks)
            init.copy_(module.rank_weight, falling)
            init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Module:
        """The table of genes."""
        return self.genes

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of genes."""
        self.genes = value

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutput:
        """States (B, 1 + min(K, L - 1), D) of cells.

        Parameters
        ----------
        input_ids
            (B, L) ``<cls>``, then gene ids from the highest to the lowest.
        attention_mask
            (B, L), 0 at padding on the right. None: padding tokens are padding.
        """
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        top = slice(1, 1 + self.config.num_states)
        states_BKD = self.genes(input_ids[:, top])
        cell_BD = self._sum(input_ids[:, 1:], attention_mask[:, 1:].bool())
        cell_BD = self.dropout(torch.relu(cell_BD + self.bias))
        return BaseModelOutput(last_hidden_state=torch.cat([cell_BD[:, None], states_BKD], dim=1))

    def _sum(self, ids_BL: Tensor, kept_BL: Tensor) -> Tensor:
        """Sum of gene vectors, each by the weight of its rank; weights of a cell have length 1."""
        rank_L = torch.arange(ids_BL.shape[1], device=ids_BL.device)
        weight_L = self.rank_weight[rank_L.clamp(max=self.config.num_ranks - 1)]
        weight_BL = torch.where(kept_BL, weight_L, 0.0)
        length_B1 = weight_BL.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        # Padding costs what a gene does: the rows are put one behind the other.
        ids_I, weight_I = ids_BL[kept_BL], (weight_BL / length_B1)[kept_BL]
        ends_B = kept_BL.sum(1).cumsum(0)
        starts_B = torch.cat([ends_B.new_zeros(1), ends_B[:-1]])
        return F.embedding_bag(
            ids_I, self.genes.weight, starts_B, per_sample_weights=weight_I, mode="sum"
        )
