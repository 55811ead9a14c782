"""Which parameters an optimiser should leave without weight decay."""

from __future__ import annotations

from torch import nn


def no_decay_names(model: nn.Module) -> set[str]:
    """Names of biases, norms, decay rates and step sizes, as in ``model.named_parameters()``.

    Every layer of ours names its own in ``no_decay``; of torch's layers it is the bias, and of its
    norms the weight too. Unlike a mark on a parameter this holds after loading and sharding, which
    make parameters anew.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaModel
    >>> model = BioMambaModel(BioMambaConfig(hidden_size=16, num_hidden_layers=1))
    >>> sorted(name.rpartition("mixer.")[2] for name in no_decay_names(model))
    ['A_log', 'D', 'conv.bias', 'dt_proj.bias', 'layers.0.norm.weight', 'norm.weight']
    """
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name in getattr(module, "no_decay", _of_torch(module))
    }


def _of_torch(module: nn.Module) -> tuple[str, ...]:
    return ("weight", "bias") if isinstance(module, nn.LayerNorm | nn.RMSNorm) else ("bias",)
