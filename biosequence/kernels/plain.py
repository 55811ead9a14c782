"""Whether a layer is nothing but its weights, so that a fused op may read them past its forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

_PLAIN = (nn.Linear, nn.Conv1d)


def is_plain(layer: nn.Module, forward: Callable[..., Any] | None = None) -> bool:
    """True for a linear layer or a convolution that nobody added to.

    Adapters, quantised weights and parametrisations are other classes; hooks may gather weights
    or watch a layer; a forward of its own may do anything.

    Parameters
    ----------
    layer
        Any layer.
    forward
        A function that it may have as a forward of its own all the same.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> is_plain(layer)
    True
    >>> handle = layer.register_forward_hook(lambda *seen: None)
    >>> is_plain(layer)
    False
    """
    own = vars(layer)
    changed = "forward" in own and (
        forward is None or getattr(own["forward"], "__func__", None) is not forward
    )
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return type(layer) in _PLAIN and not changed and not any(own[name] for name in hooks)
