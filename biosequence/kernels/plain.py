"""Whether a layer is nothing but its weights, so that a fused op may read them past its forward."""

from __future__ import annotations

from torch import nn

_PLAIN = (nn.Linear, nn.Conv1d)


def is_plain(layer: nn.Module) -> bool:
    """True for a linear layer or a convolution that nobody added to.

    Adapters, quantised weights and parametrisations are other classes; hooks may gather weights
    or watch a layer; a forward of its own may do anything.

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
    hooks = (
        own["_forward_hooks"],
        own["_forward_pre_hooks"],
        own["_backward_hooks"],
        own["_backward_pre_hooks"],
    )
    return type(layer) in _PLAIN and "forward" not in own and not any(hooks)
