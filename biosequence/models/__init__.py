"""Sequence models that transformers can load, train and generate with.

Using any name of this package registers all models with transformers' Auto classes. So does the
import itself where transformers was imported before; ``import biosequence.models.auto`` always.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .biomamba.configuration_biomamba import BioMambaConfig
    from .biomamba.convert_biomamba import convert_mamba, to_hf_mamba
    from .biomamba.modeling_biomamba import (
        BioMambaForCausalLM,
        BioMambaForMaskedLM,
        BioMambaForSequenceClassification,
        BioMambaForTokenClassification,
        BioMambaModel,
    )
    from .bioxlstm.configuration_bioxlstm import BioXLSTMConfig
    from .bioxlstm.convert_bioxlstm import convert_xlstm, published_tensors, to_hf_xlstm
    from .bioxlstm.modeling_bioxlstm import (
        BioXLSTMForCausalLM,
        BioXLSTMForMaskedLM,
        BioXLSTMForSequenceClassification,
        BioXLSTMForTokenClassification,
        BioXLSTMModel,
    )
    from .bioxlstm.presets import PRESETS, preset_config
    from .cache import SequenceCache
    from .strand_average import conjoin
    from .weight_decay import no_decay_names

_HOMES = {
    "BioMambaConfig": "biomamba.configuration_biomamba",
    "BioMambaForCausalLM": "biomamba.modeling_biomamba",
    "BioMambaForMaskedLM": "biomamba.modeling_biomamba",
    "BioMambaForSequenceClassification": "biomamba.modeling_biomamba",
    "BioMambaForTokenClassification": "biomamba.modeling_biomamba",
    "BioMambaModel": "biomamba.modeling_biomamba",
    "BioXLSTMConfig": "bioxlstm.configuration_bioxlstm",
    "BioXLSTMForCausalLM": "bioxlstm.modeling_bioxlstm",
    "BioXLSTMForMaskedLM": "bioxlstm.modeling_bioxlstm",
    "BioXLSTMForSequenceClassification": "bioxlstm.modeling_bioxlstm",
    "BioXLSTMForTokenClassification": "bioxlstm.modeling_bioxlstm",
    "BioXLSTMModel": "bioxlstm.modeling_bioxlstm",
    "PRESETS": "bioxlstm.presets",
    "SequenceCache": "cache",
    "conjoin": "strand_average",
    "convert_mamba": "biomamba.convert_biomamba",
    "convert_xlstm": "bioxlstm.convert_bioxlstm",
    "no_decay_names": "weight_decay",
    "preset_config": "bioxlstm.presets",
    "published_tensors": "bioxlstm.convert_bioxlstm",
    "to_hf_mamba": "biomamba.convert_biomamba",
    "to_hf_xlstm": "bioxlstm.convert_bioxlstm",
}

__all__ = [
    "PRESETS",
    "BioMambaConfig",
    "BioMambaForCausalLM",
    "BioMambaForMaskedLM",
    "BioMambaForSequenceClassification",
    "BioMambaForTokenClassification",
    "BioMambaModel",
    "BioXLSTMConfig",
    "BioXLSTMForCausalLM",
    "BioXLSTMForMaskedLM",
    "BioXLSTMForSequenceClassification",
    "BioXLSTMForTokenClassification",
    "BioXLSTMModel",
    "SequenceCache",
    "conjoin",
    "convert_mamba",
    "convert_xlstm",
    "no_decay_names",
    "preset_config",
    "published_tensors",
    "to_hf_mamba",
    "to_hf_xlstm",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    import_module(".auto", __name__)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__


# Whoever imported transformers first may go on with its Auto classes alone.
if "transformers" in sys.modules:
    import_module(".auto", __name__)
