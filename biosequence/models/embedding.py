"""The first layer of every model: tokens of one or both strands, and positions if any."""

# Shapes: B batch, T time, D width.

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..layers.place import Place
from ..layers.reverse_complement import reverse_complement_ids
from ..layers.rotary import ScaledSinusoid


class TokenEmbedding(nn.Module):
    """Token vectors, with absolute positions concatenated or sinusoids added.

    Parameters
    ----------
    vocab_size, width
        Size of the table and of the model.
    positions
        ``"none"``, ``"abs_1d"`` (half of the channels are the position's), ``"abs_2d"`` (a quarter
        each for position and sequence number) or ``"sinusoidal"``.
    max_positions, max_seq_positions
        Sizes of the position tables; larger ids take the last row, as published.
    complement_map
        Embed both strands: the complement's id for each id.
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        *,
        positions: str = "none",
        max_positions: int = 2048,
        max_seq_positions: int = 512,
        complement_map: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.kind = positions
        rest = {"abs_1d": width - width // 2, "abs_2d": 2 * (width // 4)}.get(positions, 0)
        self.tokens = nn.Embedding(vocab_size, width - rest)
        if positions == "abs_1d":
            self.positions = nn.Embedding(max_positions, rest)
        elif positions == "abs_2d":
            self.positions = nn.Embedding(max_positions, width // 4)
            self.seq_positions = nn.Embedding(max_seq_positions, width // 4)
        elif positions == "sinusoidal":
            self.sinusoid = ScaledSinusoid(width)
        complement = None if complement_map is None else torch.tensor(list(complement_map))
        self.register_buffer("complement_map", complement)

    def forward(self, ids: Tensor | None, embeds: Tensor | None, place: Place) -> Tensor:
        """Ids (B, T), or vectors in their stead, to (B, T, D); 2D channels for both strands."""
        if embeds is None:
            self._check(ids)
            embeds = self.tokens(ids)
            if self.complement_map is not None:
                other = self.tokens(reverse_complement_ids(ids, self.complement_map))
                embeds = torch.cat((embeds, other.flip(1, 2)), dim=-1)
        if self.kind == "sinusoidal":
            return self.sinusoid(embeds, place["position_ids"])
        if self.kind in ("abs_1d", "abs_2d"):
            parts = [embeds, _look_up(self.positions, place["position_ids"])]
            if self.kind == "abs_2d":
                parts.append(_look_up(self.seq_positions, place["seq_position_ids"]))
            return torch.cat(parts, dim=-1)
        return embeds

    def _check(self, ids: Tensor) -> None:
        # On an accelerator this would wait for the device; there the look-up itself fails.
        if ids.device.type == "cpu" and ids.numel():
            low, high = int(ids.min()), int(ids.max())
            if low < 0 or high >= self.tokens.num_embeddings:
                raise InputError(
                    f"Token id {low if low < 0 else high} is outside the vocabulary of "
                    f"{self.tokens.num_embeddings}.",
                    where="input_ids",
                    fix="Use the tokenizer that the model was trained with.",
                )


def _look_up(table: nn.Embedding, ids: Tensor) -> Tensor:
    return table(ids.clamp(0, table.num_embeddings - 1))
