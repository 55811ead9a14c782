"""The tower that reads a text, alone or while looking at a cell.

It is BERT without token types; each layer has a second attention, over the states of a cell,
which is left out where there is no cell. All other weights serve both uses, as in BLIP (Li et al.,
2022) and LangCell (Zhao et al., 2024).
"""

# Shapes: N texts, T tokens, H text width, B cells, L genes, D cell width, R texts of each cell,
# K heads, E width of a head.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.activations import ACT2FN

from biosequence.errors import InputError

from .configuration_langcell import LangCellTextConfig

MASKED_TOKEN = -10_000.0
"""Added to the scores of padding in texts, as published."""


class AttentionBlock(nn.Module):
    """Attention of tokens to themselves or to a cell, added to its input and normalised."""

    def __init__(self, config: LangCellTextConfig, source_width: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.score_dropout = config.attention_probs_dropout_prob
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(source_width, width)
        self.value = nn.Linear(source_width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(
        self, x_NTH: Tensor, source_BLD: Tensor, mask_BL: Tensor | None, masked: float | None
    ) -> Tensor:
        """Read a source of which each row serves N / B rows of `x_NTH` in turn."""
        # Queries do not see each other, so all texts of a cell can stand in one row: keys and
        # values of the cell are computed once, and never copied.
        query = self._heads(self.query(x_NTH).view(len(source_BLD), -1, x_NTH.shape[-1]))
        key, value = self._heads(self.key(source_BLD)), self._heads(self.value(source_BLD))
        read_BKQE = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=additive_mask(mask_BL, query.dtype, masked),
            dropout_p=self.score_dropout if self.training else 0.0,
        )
        read_NTH = read_BKQE.transpose(1, 2).reshape(x_NTH.shape)
        return self.norm(x_NTH + self.dropout(self.out(read_NTH)))

    def _heads(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        return x.view(rows, length, self.num_heads, width // self.num_heads).transpose(1, 2)


def additive_mask(
    mask_BL: Tensor | None, dtype: torch.dtype, masked: float | None
) -> Tensor | None:
    """What is added to attention scores: 0 at 1, `masked` (None: the dtype's lowest) at 0.

    Examples
    --------
    >>> additive_mask(torch.tensor([[1, 0]]), torch.float32, -10_000.0)
    tensor([[[[     0., -10000.]]]])
    """
    if mask_BL is None:
        return None
    lowest = torch.finfo(dtype).min if masked is None else masked
    bias = torch.zeros(mask_BL.shape, dtype=dtype, device=mask_BL.device)
    return bias.masked_fill_(mask_BL == 0, lowest)[:, None, None]


class TextLayer(nn.Module):
    """Attention to the text, to the cell if there is one, and a feed-forward network."""

    def __init__(self, config: LangCellTextConfig) -> None:
        super().__init__()
        self.attention = AttentionBlock(config, config.hidden_size)
        self.cross_attention = AttentionBlock(config, config.encoder_width)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.act = ACT2FN[config.hidden_act]
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        x_NTH: Tensor,
        mask_NT: Tensor | None,
        cell_hidden_BLD: Tensor | None,
        cell_mask_BL: Tensor | None,
    ) -> Tensor:
        """Texts through one layer."""
        x_NTH = self.attention(x_NTH, x_NTH, mask_NT, MASKED_TOKEN)
        if cell_hidden_BLD is not None:
            x_NTH = self.cross_attention(x_NTH, cell_hidden_BLD, cell_mask_BL, None)
        return self.norm(x_NTH + self.dropout(self.down(self.act(self.up(x_NTH)))))


class TextTower(nn.Module):
    """Token ids to hidden states, with or without a cell to look at."""

    # transformers' gradient_checkpointing_enable() finds it by this name.
    gradient_checkpointing = False

    def __init__(self, config: LangCellTextConfig) -> None:
        super().__init__()
        self.max_length = config.max_position_embeddings
        self.tokens = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        cell_hidden: Tensor | None = None,
        cell_attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Hidden states (N, T, H) of texts that are padded on the right.

        Parameters
        ----------
        input_ids, attention_mask
            (N, T) tokens, and 0 at padding.
        cell_hidden, cell_attention_mask
            (B, L, D) and (B, L): cells to look at; texts 0 .. N / B - 1 look at the first, and so
            on.

        Raises
        ------
        InputError
            A text is too long, or texts and cells do not go together.
        """
        length = input_ids.shape[1]
        if length > self.max_length:
            raise InputError(
                f"A text has {length:,} tokens, and the tower reads {self.max_length:,}.",
                where="text_input_ids",
                fix="Cut texts off at that length.",
            )
        if cell_hidden is not None and len(input_ids) % len(cell_hidden):
            raise InputError(
                f"{len(input_ids)} texts cannot be shared out among {len(cell_hidden)} cells.",
                where="text_input_ids",
                fix="Give the same number of texts for each cell.",
            )
        place_T = torch.arange(length, device=input_ids.device)
        x_NTH = self.dropout(self.norm(self.tokens(input_ids) + self.positions(place_T)))
        for layer in self.layers:
            x_NTH = self._run(layer, x_NTH, attention_mask, cell_hidden, cell_attention_mask)
        return x_NTH

    def _run(self, layer: TextLayer, *given: Any) -> Tensor:
        if self.gradient_checkpointing and self.training:
            return self._gradient_checkpointing_func(layer, *given)
        return layer(*given)
