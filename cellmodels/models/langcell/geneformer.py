"""Geneformer checkpoints as the beginning of a LangCell model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from biosequence.errors import ModelError
from biosequence.models.checkpoint import (
    Conversion,
    expected_shapes,
    read_json_beside,
    read_tensors,
)
from biosequence.models.key_map import tied_head, translate

from .configuration_langcell import GENE_ROWS, LangCellConfig
from .key_maps import geneformer_rules
from .modeling_langcell import LangCellForPreTraining
from .published import cell_fields, not_needed, table_rows


def convert_geneformer(
    source: str | Path,
    *,
    text_config: Mapping[str, Any] | None = None,
    add_cls: bool | None = None,
) -> Conversion:
    """A Geneformer checkpoint as a :class:`LangCellForPreTraining` that has yet to learn texts.

    Cell tower and masked-gene head are the checkpoint's; the text tower, the projections and the
    matching head are new, the same every time, and a warning says so.

    Parameters
    ----------
    source
        Folder with config.json and the weights of transformers' ``BertForMaskedLM``.
    text_config
        Fields of :class:`LangCellTextConfig`; default: the published sizes.
    add_cls
        Append a row for ``<cls>``, the mean of all genes. None: where the table has the rows of
        the published vocabulary, which lacks it.

    Raises
    ------
    ModelError
        The checkpoint is damaged or of another kind.
    """
    tensors, path = read_tensors(source)
    where = str(path)
    theirs = read_json_beside(path, ("config.json",))
    if theirs is None:
        raise _no_config(path.parent)
    tokens = "bert.embeddings.word_embeddings.weight"
    rows = table_rows(tensors, tokens, where)
    tied, copies = tied_head(tensors, "cls.predictions.decoder.weight", tokens)
    if "cls.predictions.decoder.bias" in tensors and "cls.predictions.bias" in tensors:
        copies["cls.predictions.bias"] = "transformers reads cls.predictions.decoder.bias"
    if add_cls or (add_cls is None and rows == GENE_ROWS - 1):
        tensors = tensors | {key: _with_mean(tensors[key]) for key in _by_gene(tensors)}
        rows += 1
    config = LangCellConfig(
        cell_config=cell_fields(theirs, rows),
        text_config=dict(text_config or {}),
        tie_word_embeddings=tied,
    )
    rules = geneformer_rules()
    wanted = expected_shapes(LangCellForPreTraining, config)
    known = {k: v for k, v in wanted.items() if any(r.rename(k, back=True) for r in rules)}
    done, report = translate(
        tensors, rules, known, where=where, dropped=not_needed(tensors) | copies
    )
    new = _new_tensors(config, wanted.keys() - known.keys())
    warnings.warn(
        f"Geneformer knows no texts: {len(new)} tensors of the text side are new and untrained.",
        stacklevel=2,
    )
    return Conversion(config, LangCellForPreTraining, done | new, report)


def _by_gene(tensors: Mapping[str, Tensor]) -> list[str]:
    names = ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias")
    return [key for key in tensors if key in names or key.startswith("cls.predictions.decoder.")]


def _with_mean(table: Tensor) -> Tensor:
    return torch.cat((table, table.mean(0, keepdim=True)))


def _new_tensors(config: LangCellConfig, names: set[str]) -> dict[str, Tensor]:
    # The caller's random numbers are left as they were.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = LangCellForPreTraining(config).state_dict()
    return {name: state[name] for name in sorted(names)}


def _no_config(folder: Path) -> ModelError:
    return ModelError(
        "There is no config.json beside the weights, so the number of heads is not known.",
        where=str(folder),
        fix="Fetch the config.json that was saved with this checkpoint.",
    )
