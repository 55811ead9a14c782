"""What both kinds of published checkpoints share: fields of BERT, and keys that nobody needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from biosequence.errors import ModelError

BERT_FIELDS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "max_position_embeddings",
    "type_vocab_size",
    "pad_token_id",
    "layer_norm_eps",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "initializer_range",
)
TEXT_FIELDS = tuple(name for name in BERT_FIELDS if name != "type_vocab_size")
_NOT_NEEDED = {
    r"(.*[/.])?embeddings\.position_ids": "positions are counted here",
    r"(.*[/.])?pooler\..*": "towers have no pooling layer here; the projections take its place",
    r"cls\.seq_relationship\..*": "cells have no next sentence",
}


def table_rows(tensors: Mapping[str, Tensor], key: str, where: str) -> int:
    """Rows of a table of tokens.

    Raises
    ------
    ModelError
        There is none.
    """
    if key not in tensors:
        raise ModelError(
            "The checkpoint has no table of tokens.",
            where=f"{where}: no {key}, first key {next(iter(tensors), 'none')}",
            fix="Give a LangCell bundle, or Geneformer as transformers' BertForMaskedLM.",
        )
    return tensors[key].shape[0]


def cell_fields(config: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Our fields of a published cell tower."""
    fields = {name: config[name] for name in BERT_FIELDS if name in config}
    # The published configuration may count the vocabulary without <cls>; the table decides.
    return fields | {"model_type": "bert", "vocab_size": rows}


def not_needed(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Keys that have no place here, and why."""
    return {
        key: why
        for key in tensors
        for pattern, why in _NOT_NEEDED.items()
        if re.fullmatch(pattern, key)
    }
