"""What a causal model keeps between calls: one explicit state a layer, never changed in place."""

# Shapes: B batch.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class SequenceCache:
    """States of every layer after the positions read so far, and the positions that come next.

    Its size does not depend on how many positions were read. A model returns a new one with every
    call; an old one stays valid, so one context can be continued in many ways.

    Parameters
    ----------
    layers
        State of each layer, nested named tuples of tensors whose first dimension is B.
    position
        (B,) position id that follows the last one read.
    seq_position
        (B,) number of the sequence that the last position belonged to.
    length
        Number of positions read, padding included.

    Examples
    --------
    >>> import torch
    >>> cache = SequenceCache((torch.zeros(2, 3),), torch.tensor([5, 7]))
    >>> cache.select_rows(torch.tensor([1, 1, 0])).position.tolist()
    [7, 7, 5]
    """

    is_compileable = False

    def __init__(
        self,
        layers: tuple[Any, ...],
        position: Tensor,
        seq_position: Tensor | None = None,
        length: int = 0,
    ) -> None:
        self.layers, self.position, self.seq_position = layers, position, seq_position
        self.length = length

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Number of positions read, padding included."""
        return self.length

    def select_rows(self, rows: Tensor) -> SequenceCache:
        """The cache of the given rows of the batch, in that order; rows may repeat."""
        return self._map(lambda x: x.index_select(0, rows.to(x.device)))

    def repeat(self, count: int) -> SequenceCache:
        """Every row `count` times, next to each other: one context, many continuations."""
        return self._map(lambda x: x.repeat_interleave(count, 0))

    def join(self, other: SequenceCache) -> SequenceCache:
        """The rows of this cache and then those of another of the same model."""
        both = None if self.seq_position is None else (self.seq_position, other.seq_position)
        return SequenceCache(
            _join_tensors(self.layers, other.layers),
            torch.cat((self.position, other.position)),
            None if both is None else torch.cat(both),
            max(self.length, other.length),
        )

    def detach(self) -> SequenceCache:
        """The same states without their history, for truncated back-propagation."""
        return self._map(lambda x: x.detach())

    def num_bytes(self) -> int:
        """Memory of all states in bytes."""
        sizes: list[int] = []
        self._map(lambda x: sizes.append(x.numel() * x.element_size()) or x)
        return sum(sizes)

    def _map(self, change: Callable[[Tensor], Tensor]) -> SequenceCache:
        return SequenceCache(
            _map_tensors(self.layers, change),
            change(self.position),
            None if self.seq_position is None else change(self.seq_position),
            self.length,
        )


def _map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if value is None:
        return None
    if isinstance(value, Tensor):
        return change(value)
    parts = [_map_tensors(part, change) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _join_tensors(value: Any, other: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Tensor):
        return torch.cat((value, other))
    parts = [_join_tensors(*pair) for pair in zip(value, other, strict=True)]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
