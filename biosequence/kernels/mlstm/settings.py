"""How a chunkwise pass of the mLSTM on the CPU goes about its work."""

from __future__ import annotations

from typing import NamedTuple


class Settings(NamedTuple):
    """What does not change within a call.

    Parameters
    ----------
    exponential
        Whether the input gate is the exponential one.
    normalize, eps
        Whether there is a divisor, and what is added to it.
    chunk
        Positions of a chunk.
    raw
        Whether the caller divides.
    wanted
        Whether the last state is asked for.
    keep
        Whether there will be a backward pass.
    """

    exponential: bool
    normalize: bool
    eps: float
    chunk: int
    raw: bool = False
    wanted: bool = True
    keep: bool = True

    @property
    def divided(self) -> bool:
        """Whether the op itself divides its output."""
        return self.normalize and not self.raw
