"""Published sizes by name."""

from __future__ import annotations

import difflib
from typing import Any

from ...errors import UsageError
from .configuration_bioxlstm import BioXLSTMConfig

_DNA: dict[str, Any] = {
    "dialect": "dna",
    "vocab_size": 12,
    "num_heads": 4,
    "bidirectional": "sum_legacy",
    "pad_token_id": 4,
    "bos_token_id": 2,
    "eos_token_id": 1,
}
_PROT: dict[str, Any] = {
    "dialect": "prot",
    "vocab_size": 38,
    "num_hidden_layers": 16,
    "num_heads": 4,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_CHEM: dict[str, Any] = {"dialect": "v1", "vocab_size": 37, "dropout": 0.25, "pad_token_id": 0}

PRESETS: dict[str, dict[str, Any]] = {
    "dna-xlstm-500k": _DNA
    | {"hidden_size": 128, "num_hidden_layers": 6, "slstm_at": list(range(6))},
    "dna-xlstm-2m": _DNA | {"hidden_size": 256, "num_hidden_layers": 6, "slstm_at": list(range(6))},
    "dna-xlstm-4m": _DNA
    | {"hidden_size": 256, "num_hidden_layers": 12, "slstm_at": list(range(12))},
    "prot-xlstm-26m": _PROT | {"hidden_size": 512},
    "prot-xlstm-102m": _PROT | {"hidden_size": 1024},
    "chem-xlstm-1.6m": _CHEM | {"hidden_size": 256, "num_hidden_layers": 4, "num_heads": 1},
    "chem-xlstm-14.8m": _CHEM | {"hidden_size": 512, "num_hidden_layers": 9, "num_heads": 8},
    "xlstm-7b": {
        "dialect": "large",
        "vocab_size": 50304,
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_heads": 8,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    },
}
"""Arguments of :class:`BioXLSTMConfig` for each published size."""


def preset_config(name: str, **changes: Any) -> BioXLSTMConfig:
    """The configuration of a published size.

    Parameters
    ----------
    name
        A key of :data:`PRESETS`, such as ``"prot-xlstm-102m"``.
    changes
        Fields to set otherwise.

    Raises
    ------
    UsageError
        There is no such size; the message names near ones.

    Examples
    --------
    >>> preset_config("prot-xlstm-26m").hidden_size
    512
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=3) or list(PRESETS)
        raise UsageError(
            f"There is no preset {name!r}.",
            where="preset",
            fix=f"Choose one of: {', '.join(near)}.",
        )
    return BioXLSTMConfig(**{**PRESETS[name], **changes})
