# Shapes: B batch, H heads, D width of a head.

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class SLSTMState(NamedTuple):
    """What an sLSTM remembers between two positions; each part is (B, H, D).

    Parameters
    ----------
    y
        Output of the last position, which the recurrent gates see.
    c
        Cell; in plain units ``c * exp(m)``.
    n
        Normaliser; in plain units ``n * exp(m)``. Zero says that nothing was seen yet.
    m
        Logarithm of the unit of `c` and `n`.
    """

    y: torch.Tensor
    c: torch.Tensor
    n: torch.Tensor
    m: torch.Tensor

    @classmethod
    def zeros(
        cls,
        batch: int,
        heads: int,
        width: int,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> SLSTMState:
        """An empty memory, float32 unless told otherwise.

        Examples
        --------
        >>> SLSTMState.zeros(1, 4, 8).y.shape
        torch.Size([1, 4, 8])
        """
        import torch

        make = {"dtype": dtype or torch.float32, "device": device}
        return cls(*(torch.zeros(batch, heads, width, **make) for _ in range(4)))
