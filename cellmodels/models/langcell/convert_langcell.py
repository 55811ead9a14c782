"""The published LangCell bundle as a model of ours, and back."""

from __future__ import annotations

import json
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
from biosequence.models.key_map import KeyReport, translate

from .configuration_langcell import GENE_ROWS, LangCellConfig
from .key_maps import bundle_rules
from .modeling_langcell import LangCellModel
from .published import BERT_FIELDS, TEXT_FIELDS, cell_fields, not_needed, table_rows

TOWERS = ("cell_bert", "text_bert")
HEADS = ("cell_proj", "text_proj", "ctm_head")
"""Parts of the bundle: folders, and files of one linear layer."""

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


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
    rows = table_rows(tensors, "cell_bert/embeddings.word_embeddings.weight", where)
    if gene_rows is not None and rows != gene_rows:
        raise _other_rows(rows, gene_rows, where)
    shared = tensors.get("cell_proj/weight")
    words = table_rows(tensors, "text_bert/embeddings.word_embeddings.weight", where)
    text_fields = {name: text_config[name] for name in TEXT_FIELDS if name in text_config}
    config = LangCellConfig(
        cell_config=cell_fields(cell_config, rows),
        text_config=text_fields | {"vocab_size": words},
        projection_dim=256 if shared is None else shared.shape[0],
    )
    done, report = translate(
        tensors,
        bundle_rules(),
        expected_shapes(LangCellModel, config),
        where=where,
        dropped=not_needed(tensors),
    )
    return Conversion(config, LangCellModel, done, report)


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


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    start = f"{part}/"
    return {
        k.removeprefix(start): v.contiguous() for k, v in tensors.items() if k.startswith(start)
    }


def _their_config(config: LangCellConfig, part: str) -> dict[str, Any]:
    if part == "cell_bert":
        ours, names, more = config.cell_config, BERT_FIELDS, {}
    else:
        ours, names = config.text_config, TEXT_FIELDS
        more = {"add_cross_attention": True, "encoder_width": ours.encoder_width}
    fields = {name: getattr(ours, name) for name in names}
    return fields | more | {"architectures": ["BertModel"], "model_type": "bert"}
