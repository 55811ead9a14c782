"""Low-rank adapters beside frozen weights, and the merged model at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..extras import require
from .recipe_tables import LoraTable


def add_adapters(model: Any, table: LoraTable, *, head: str) -> Any:
    """The model with trainable adapters; its own weights are frozen.

    Parameters
    ----------
    model
        A model of transformers.
    table
        Rank, scale, dropout and names of the layers; no names: every linear layer but the head.
    head
        Which head it has; one of labels is trained whole, as it is new.

    Raises
    ------
    MissingExtraError
        peft is not installed.
    UsageError
        No layer has one of these names.
    """
    peft = require("train", "peft")
    linear = sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if type(module).__name__ in ("Linear", "Conv1D", "Embedding")
        }
    )
    missing = [name for name in table.targets if name.rpartition(".")[2] not in linear]
    if missing:
        raise UsageError(
            f"The model has no layer {missing[0]!r} that can take an adapter.",
            where="lora.targets",
            fix=f"Choose from: {', '.join(linear)}.",
        )
    own = [name for name, _ in model.named_children() if name != model.base_model_prefix]
    labels = head in ("sequence-classification", "token-classification")
    config = peft.LoraConfig(
        r=table.rank,
        lora_alpha=table.alpha,
        lora_dropout=table.dropout,
        target_modules=list(table.targets) or "all-linear",
        modules_to_save=[name for name in own if name != "dropout"] if labels else None,
    )
    return peft.get_peft_model(model, config)


def merged(model: Any, checkpoint: Path) -> Any:
    """A base model with a checkpoint's adapters merged into its weights."""
    peft = require("train", "peft")
    return peft.PeftModel.from_pretrained(model, str(checkpoint)).merge_and_unload()
