# Shapes: B batch, H heads, K query and key width, V value width.

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class MLSTMState(NamedTuple):
    """What an mLSTM remembers between two positions.

    The memory in plain units is ``C * exp(m)`` and ``n * exp(m)``; `m` only keeps the numbers in
    range. The factor 1/sqrt(K) is not in the state: it belongs to the query. A state saved by code
    that scales the keys instead has to be multiplied by sqrt(K).

    Parameters
    ----------
    C
        Matrix memory, (B, H, K, V).
    n
        Sum of keys for the normaliser, (B, H, K).
    m
        Logarithm of the unit of `C` and `n`, (B, H).
    """

    C: torch.Tensor
    n: torch.Tensor
    m: torch.Tensor

    @classmethod
    def zeros(
        cls,
        batch: int,
        heads: int,
        key_width: int,
        value_width: int,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> MLSTMState:
        """An empty memory, float32 unless told otherwise.

        Examples
        --------
        >>> MLSTMState.zeros(1, 4, 8, 16).C.shape
        torch.Size([1, 4, 8, 16])
        """
        import torch

        make = {"dtype": dtype or torch.float32, "device": device}
        return cls(
            torch.zeros(batch, heads, key_width, value_width, **make),
            torch.zeros(batch, heads, key_width, **make),
            torch.zeros(batch, heads, **make),
        )
