"""Layers that models are stacked from: mixers, norms, positions, blocks, directions, strands."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bidirectional import BidirectionalMixer, run_both_ways, run_reversed
    from .block import ResidualBlock
    from .convolution import CausalConv
    from .feed_forward import GatedGELU, SwiGLU
    from .headwise import HeadwiseLinear
    from .mixers.mamba import MambaMixer, MambaMixerState
    from .mixers.mamba2 import Mamba2Mixer, Mamba2MixerState
    from .mixers.mlstm import MLSTMMixer
    from .mixers.mlstm_cell import MLSTMMixerState
    from .mixers.mlstm_large import MLSTMLargeMixer
    from .mixers.slstm import SLSTMMixer, SLSTMMixerState
    from .norms import GatedRMSNorm, HeadNorm, LayerNorm, RMSNorm
    from .place import Place, default_positions
    from .reverse_complement import RCPSEmbedding, RCPSHead, RCPSWrapper, reverse_complement_ids
    from .rotary import ScaledSinusoid, apply_rotary, rotary_table

_HOMES = {
    "BidirectionalMixer": "bidirectional",
    "CausalConv": "convolution",
    "GatedGELU": "feed_forward",
    "GatedRMSNorm": "norms",
    "HeadNorm": "norms",
    "HeadwiseLinear": "headwise",
    "LayerNorm": "norms",
    "MLSTMLargeMixer": "mixers.mlstm_large",
    "MLSTMMixer": "mixers.mlstm",
    "MLSTMMixerState": "mixers.mlstm_cell",
    "Mamba2Mixer": "mixers.mamba2",
    "Mamba2MixerState": "mixers.mamba2",
    "MambaMixer": "mixers.mamba",
    "MambaMixerState": "mixers.mamba",
    "Place": "place",
    "RCPSEmbedding": "reverse_complement",
    "RCPSHead": "reverse_complement",
    "RCPSWrapper": "reverse_complement",
    "RMSNorm": "norms",
    "ResidualBlock": "block",
    "SLSTMMixer": "mixers.slstm",
    "SLSTMMixerState": "mixers.slstm",
    "ScaledSinusoid": "rotary",
    "SwiGLU": "feed_forward",
    "apply_rotary": "rotary",
    "default_positions": "place",
    "reverse_complement_ids": "reverse_complement",
    "rotary_table": "rotary",
    "run_both_ways": "bidirectional",
    "run_reversed": "bidirectional",
}

__all__ = [
    "BidirectionalMixer",
    "CausalConv",
    "GatedGELU",
    "GatedRMSNorm",
    "HeadNorm",
    "HeadwiseLinear",
    "LayerNorm",
    "MLSTMLargeMixer",
    "MLSTMMixer",
    "MLSTMMixerState",
    "Mamba2Mixer",
    "Mamba2MixerState",
    "MambaMixer",
    "MambaMixerState",
    "Place",
    "RCPSEmbedding",
    "RCPSHead",
    "RCPSWrapper",
    "RMSNorm",
    "ResidualBlock",
    "SLSTMMixer",
    "SLSTMMixerState",
    "ScaledSinusoid",
    "SwiGLU",
    "apply_rotary",
    "default_positions",
    "reverse_complement_ids",
    "rotary_table",
    "run_both_ways",
    "run_reversed",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
