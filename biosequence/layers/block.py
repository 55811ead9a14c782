"""The residual block: norm, any mixer, and a feed-forward layer where there is one."""

# Shapes: B batch, T time, D width.

from __future__ import annotations

from typing import Any, Unpack

from torch import Tensor, nn

from .place import Place


class ResidualBlock(nn.Module):
    """``x + mixer(norm(x))``, then ``x + ffn(norm(x))``, around any mixer of this package.

    Parameters
    ----------
    norm
        Norm before the mixer.
    mixer
        A layer with ``forward(x, state, *, mask, seq_idx, position_ids, seq_position_ids,
        need_state) -> (y, state)`` and ``step``.
    ffn_norm, ffn
        Norm and feed-forward layer; both or neither.
    dropout, ffn_dropout
        Dropout of what is added to the residual.

    Examples
    --------
    >>> import torch
    >>> from biosequence.layers import MambaMixer, RMSNorm
    >>> block = ResidualBlock(RMSNorm(8), MambaMixer(8, state_size=4))
    >>> x, state = block(torch.randn(1, 4, 8))
    >>> x_next, state = block.step(torch.randn(1, 8), state)
    >>> tuple(x_next.shape)
    (1, 8)
    """

    def __init__(
        self,
        norm: nn.Module,
        mixer: nn.Module,
        ffn_norm: nn.Module | None = None,
        ffn: nn.Module | None = None,
        *,
        dropout: float = 0.0,
        ffn_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        assert (ffn is None) == (ffn_norm is None)
        self.norm, self.mixer, self.ffn_norm, self.ffn = norm, mixer, ffn_norm, ffn
        self.dropout, self.ffn_dropout = nn.Dropout(dropout), nn.Dropout(ffn_dropout)

    def forward(
        self,
        x_BTD: Tensor,
        state: Any = None,
        *,
        need_state: bool = True,
        **place: Unpack[Place],
    ) -> tuple[Tensor, Any]:
        """Map (B, T, D) to (B, T, D), and the mixer's state to its next."""
        y_BTD, state = self.mixer(self.norm(x_BTD), state, need_state=need_state, **place)
        return self._feed(x_BTD + self.dropout(y_BTD)), state

    def step(self, x_BD: Tensor, state: Any, **ids: Tensor | None) -> tuple[Tensor, Any]:
        """One position, (B, D); equal to `forward` at T = 1."""
        y_BD, state = self.mixer.step(self.norm(x_BD), state, **ids)
        return self._feed(x_BD + self.dropout(y_BD)), state

    def zero_state(self, batch: int, *, like: Tensor) -> Any:
        """The state before the first position."""
        return self.mixer.zero_state(batch, like=like)

    def _feed(self, x: Tensor) -> Tensor:
        if self.ffn is None:
            return x
        return x + self.ffn_dropout(self.ffn(self.ffn_norm(x)))
