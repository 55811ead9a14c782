"""DeepSpeed settings by name, as the dictionaries that its own files hold."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import InputError, UsageError

_OFFLOAD = {"device": "cpu", "pin_memory": False}
_STAGES: dict[str, dict[str, Any]] = {
    "zero1": {"stage": 1},
    "zero2": {"stage": 2},
    "zero3": {"stage": 3},
    "zero2-offload": {"stage": 2, "offload_optimizer": _OFFLOAD},
    "zero3-offload": {"stage": 3, "offload_optimizer": _OFFLOAD, "offload_param": _OFFLOAD},
}
_FOR_STAGE_3 = {"stage3_gather_16bit_weights_on_model_save": True}


def preset_names() -> tuple[str, ...]:
    """Names that :func:`deepspeed_preset` knows.

    Examples
    --------
    >>> preset_names()
    ('zero1', 'zero2', 'zero2-offload', 'zero3', 'zero3-offload')
    """
    return tuple(sorted(_STAGES))


def check_preset(name: str) -> None:
    """Refuse a name that is no preset.

    Raises
    ------
    UsageError
        There is no such preset; the message names near ones.
    """
    if name not in _STAGES:
        near = get_close_matches(name, _STAGES, n=2) or preset_names()
        raise UsageError(
            f"There is no DeepSpeed preset {name!r}.",
            where="deepspeed",
            fix=f"Choose one of: {', '.join(near)}; or name a .json file of DeepSpeed settings.",
        )


def deepspeed_preset(name: str, *, precision: str = "fp32") -> dict[str, Any]:
    """DeepSpeed settings of a preset; "auto" is filled in by the trainer.

    Mixed precision is torch's autocast: a ``bf16`` block would cast decay rates, gate biases and
    norms too, which these models do not survive.

    Parameters
    ----------
    name
        One of :func:`preset_names`.
    precision
        "fp32" or "bf16".

    Raises
    ------
    UsageError
        There is no such preset.

    Examples
    --------
    >>> deepspeed_preset("zero2")["zero_optimization"]
    {'stage': 2}
    """
    check_preset(name)
    zero = json.loads(json.dumps(_STAGES[name]))
    if zero["stage"] == 3:
        zero |= _FOR_STAGE_3
    settings: dict[str, Any] = {"zero_optimization": zero}
    if "offload_optimizer" in zero:
        # DeepSpeed's own optimizer for the CPU needs a compiler; torch's does the same.
        settings["zero_force_ds_cpu_optimizer"] = False
    return _completed(settings, precision)


def deepspeed_settings(name: str | Path, *, precision: str = "fp32") -> dict[str, Any]:
    """DeepSpeed settings of a preset or of a JSON file.

    Raises
    ------
    UsageError
        The name is neither a preset nor a file.
    InputError
        The file holds no JSON object.
    """
    if str(name) in _STAGES:
        return deepspeed_preset(str(name), precision=precision)
    path = Path(name)
    if path.suffix != ".json" and not path.is_file():
        check_preset(str(name))
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            msg = "no object"
            raise ValueError(msg)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The DeepSpeed settings cannot be read ({error}).",
            where=str(path),
            fix="Name a JSON file with one object, or a preset.",
        ) from error
    return _completed(settings, precision)


def _completed(settings: dict[str, Any], precision: str) -> dict[str, Any]:
    """Settings with what the trainer relies on, where a file does not say otherwise."""
    own = {
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 10**9,
        "wall_clock_breakdown": False,
    }
    if precision == "bf16" and not settings.get("bf16", {}).get("enabled"):
        own["torch_autocast"] = {"enabled": True, "dtype": "bfloat16"}
    return own | settings
