"""The published LangCell bundle and Geneformer checkpoints as our models, and back."""

# Shapes: V genes.

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from biosequence.atomic import atomic_folder
from biosequence.errors import ModelError
from biosequence.models.checkpoint import (
    Conversion,
    expected_shapes,
    read_json_beside,
    read_tensors,
)
from biosequence.models.key_map import KeyReport, tied_head, translate

from .configuration_langcell import GENE_ROWS, LangCellConfig
from .key_maps import bundle_rules, geneformer_rules
from .modeling_langcell import LangCellForPreTraining, LangCellModel

TOWERS = ("cell_bert", "text_bert")
HEADS = ("cell_proj", "text_proj", "ctm_head")
"""Parts of the bundle: folders, and files of one linear layer."""

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_BERT_FIELDS = (
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
_TEXT_FIELDS = tuple(name for name in _BERT_FIELDS if name != "type_vocab_size")
_NOT_NEEDED = {
    r"(.*[/.])?embeddings\.position_ids": "positions are counted here",
    r"(.*[/.])?pooler\..*": "towers have no pooling layer here; the projections take its place",
    r"cls\.seq_relationship\..*": "cells have no next sentence",
}


def convert_bundle(source: str | Path, *, gene_rows: int | None = GENE_ROWS) -> Conversion:
    """The published LangCell bundle in our names, as a :class:`LangCellModel`.

    Parameters
    ----------
    source
        Folder with cell_bert/ and text_bert/ (config.json and weights each), cell_proj.bin,
        text_proj.bin and ctm_head.bin; safetensors serve as well.
    gene_rows
        Rows that the gene table must have: the published vocabulary and ``<cls>``. For a
        vocabulary of your own, its size; None: any.

    Raises
    ------
    ModelError
        Parts are missing, damaged or do not go together; the message names them.
    """
    source = Path(source)
    files = bundle_files(source)
    tensors: dict[str, Tensor] = {}
    configs = {}
    for part, file in files.items():
        found, path = read_tensors(file)
        tensors |= {f"{part}/{key}": value for key, value in found.items()}
        if part in TOWERS:
            configs[part] = read_json_beside(path, ("config.json",))
    return convert_bundle_tensors(
        tensors, configs["cell_bert"], configs["text_bert"], gene_rows=gene_rows, where=str(source)
    )


def convert_bundle_tensors(
    tensors: Mapping[str, Tensor],
    cell_config: Mapping[str, Any],
    text_config: Mapping[str, Any],
    *,
    gene_rows: int | None = GENE_ROWS,
    where: str = "bundle",
) -> Conversion:
    """Tensors under their part's name, ``/`` and their key; otherwise as :func:`convert_bundle`.

    Raises
    ------
    ModelError
        As :func:`convert_bundle`.
    """
    rows = _rows(tensors, "cell_bert/embeddings.word_embeddings.weight", where)
    if gene_rows is not None and rows != gene_rows:
        raise _other_rows(rows, gene_rows, where)
    shared = tensors.get("cell_proj/weight")
    config = LangCellConfig(
        cell_config=_cell_fields(cell_config, rows),
        text_config=_text_fields(text_config, tensors, where),
        projection_dim=256 if shared is None else shared.shape[0],
    )
    done, report = translate(
        tensors,
        bundle_rules(),
        expected_shapes(LangCellModel, config),
        where=where,
        dropped=_dropped(tensors),
    )
    return Conversion(config, LangCellModel, done, report)


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
    rows = _rows(tensors, tokens, where)
    tied, copies = tied_head(tensors, "cls.predictions.decoder.weight", tokens)
    if "cls.predictions.decoder.bias" in tensors and "cls.predictions.bias" in tensors:
        copies["cls.predictions.bias"] = "transformers reads cls.predictions.decoder.bias"
    if add_cls or (add_cls is None and rows == GENE_ROWS - 1):
        tensors = tensors | {key: _with_mean(tensors[key]) for key in _by_gene(tensors)}
        rows += 1
    config = LangCellConfig(
        cell_config=_cell_fields(theirs, rows),
        text_config=dict(text_config or {}),
        tie_word_embeddings=tied,
    )
    rules = geneformer_rules()
    wanted = expected_shapes(LangCellForPreTraining, config)
    known = {k: v for k, v in wanted.items() if any(r.rename(k, back=True) for r in rules)}
    done, report = translate(tensors, rules, known, where=where, dropped=_dropped(tensors) | copies)
    new = _new_tensors(config, wanted.keys() - known.keys())
    warnings.warn(
        f"Geneformer knows no texts: {len(new)} tensors of the text side are new and untrained.",
        stacklevel=2,
    )
    return Conversion(config, LangCellForPreTraining, done | new, report)


def bundle_tensors(model: nn.Module) -> tuple[dict[str, Tensor], KeyReport]:
    """A model's tensors as the bundle names them: the part, ``/`` and the key.

    What the bundle has no place for is left out, and the report says so.

    Raises
    ------
    ModelError
        The cell tower is no BERT.
    """
    kind = model.config.cell_config.model_type
    if kind != "bert":
        raise ModelError(
            f"The bundle's cell tower is a BERT, this one is a {kind}.",
            where="our model",
            fix="Keep the model in our own format; nothing published reads such a tower.",
        )
    state, rules = model.state_dict(), bundle_rules()
    dropped = {
        key: "the bundle has no place for it"
        for key in state
        if key.startswith("masked_gene_head.") or key == "log_temperature"
    }
    names = {key: next((n for r in rules if (n := r.rename(key, back=True))), key) for key in state}
    expected = {names[key]: tuple(state[key].shape) for key in state if key not in dropped}
    return translate(state, rules, expected, where="our model", back=True, dropped=dropped)


def save_bundle(model: nn.Module, folder: str | Path) -> KeyReport:
    """Write a model as the published bundle is laid out, whole or not at all.

    Towers are safetensors that transformers opens; the three linear layers are torch files, as
    the published code reads them.

    Raises
    ------
    InputError
        The folder exists and is not empty.
    ModelError
        The cell tower is no BERT.
    """
    with atomic_folder(folder) as work:
        return write_bundle(model, work)


def write_bundle(model: nn.Module, folder: Path) -> KeyReport:
    """Fill an empty folder with a bundle; otherwise as :func:`save_bundle`.

    Raises
    ------
    ModelError
        The cell tower is no BERT.
    """
    tensors, report = bundle_tensors(model)
    for part in TOWERS:
        (folder / part).mkdir()
        save_file(_part(tensors, part), folder / part / _WEIGHTS[0], metadata={"format": "pt"})
        config = json.dumps(_their_config(model.config, part), indent=2, sort_keys=True) + "\n"
        (folder / part / "config.json").write_text(config, encoding="utf-8")
    for part in HEADS:
        torch.save(_part(tensors, part), folder / f"{part}.bin")
    return report


def bundle_files(source: Path) -> dict[str, Path]:
    """The file with the weights of each part of a bundle.

    Raises
    ------
    ModelError
        Files are missing; all of them are named at once.
    """
    found, missing = {}, []
    for part in TOWERS:
        weights = [source / part / name for name in (*_WEIGHTS, f"{_WEIGHTS[0]}.index.json")]
        file = next((path for path in weights if path.is_file()), None)
        if file is None:
            missing.append(f"{part}/{_WEIGHTS[1]} (or {_WEIGHTS[0]})")
        if not (source / part / "config.json").is_file():
            missing.append(f"{part}/config.json")
        found[part] = file
    for part in HEADS:
        files = [source / f"{part}{end}" for end in (".bin", ".safetensors")]
        found[part] = next((path for path in files if path.is_file()), None)
        if found[part] is None:
            missing.append(f"{part}.bin")
    if missing:
        raise ModelError(
            f"The LangCell bundle lacks {len(missing)} of its files: {', '.join(missing)}.",
            where=str(source),
            fix="Fetch the whole bundle again: cell_bert/, text_bert/, cell_proj.bin, "
            "text_proj.bin and ctm_head.bin lie side by side.",
        )
    return found


def _rows(tensors: Mapping[str, Tensor], key: str, where: str) -> int:
    if key not in tensors:
        raise ModelError(
            "The checkpoint has no table of genes.",
            where=f"{where}: no {key}, first key {next(iter(tensors), 'none')}",
            fix="Give a LangCell bundle, or Geneformer as transformers' BertForMaskedLM.",
        )
    return tensors[key].shape[0]


def _other_rows(rows: int, wanted: int, where: str) -> ModelError:
    why = f"The gene table has {rows:,} rows, not {wanted:,}"
    if rows == wanted - 1:
        why += ": the row of <cls> is missing, as in Geneformer before LangCell was trained on it"
    return ModelError(
        f"{why}.",
        where=f"{where}: cell_bert, embeddings.word_embeddings.weight",
        fix="Fetch cell_bert/ of the LangCell bundle; for Geneformer use convert_geneformer; for a "
        f"vocabulary of your own use convert_bundle(..., gene_rows={rows}).",
    )


def _no_config(folder: Path) -> ModelError:
    return ModelError(
        "There is no config.json beside the weights, so the number of heads is not known.",
        where=str(folder),
        fix="Fetch the config.json that was saved with this checkpoint.",
    )


def _cell_fields(config: Mapping[str, Any], rows: int) -> dict[str, Any]:
    fields = {name: config[name] for name in _BERT_FIELDS if name in config}
    # The published configuration may count the vocabulary without <cls>; the table decides.
    return fields | {"model_type": "bert", "vocab_size": rows}


def _text_fields(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str
) -> dict[str, Any]:
    fields = {name: config[name] for name in _TEXT_FIELDS if name in config}
    return fields | {
        "vocab_size": _rows(tensors, "text_bert/embeddings.word_embeddings.weight", where)
    }


def _dropped(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {
        key: why
        for key in tensors
        for pattern, why in _NOT_NEEDED.items()
        if re.fullmatch(pattern, key)
    }


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


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    start = f"{part}/"
    return {
        k.removeprefix(start): v.contiguous() for k, v in tensors.items() if k.startswith(start)
    }


def _their_config(config: LangCellConfig, part: str) -> dict[str, Any]:
    if part == "cell_bert":
        ours, names, more = config.cell_config, _BERT_FIELDS, {}
    else:
        ours, names = config.text_config, _TEXT_FIELDS
        more = {"add_cross_attention": True, "encoder_width": ours.encoder_width}
    fields = {name: getattr(ours, name) for name in names}
    return fields | more | {"architectures": ["BertModel"], "model_type": "bert"}
