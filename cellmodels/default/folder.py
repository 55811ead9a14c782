"""The files of a model folder, read and held against each other."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from biosequence.errors import ModelError


@dataclass(frozen=True)
class ModelFiles:
    """What lies in a model folder.

    Attributes
    ----------
    tensors
        The arrays of model.safetensors, as float32.
    config
        config.json.
    genes
        Lines of genes.txt.
    classes
        Rows of classes.tsv without its header: cl_id, name, tissues, kind.
    sha256
        Hash of model.safetensors.
    """

    tensors: dict[str, np.ndarray]
    config: dict[str, Any]
    genes: list[str]
    classes: list[list[str]]
    sha256: str


def read_folder(folder: Path) -> ModelFiles:
    """Every file of a model folder.

    Raises
    ------
    ModelError
        If a file is missing, is damaged or does not fit the others.
    """
    folder = Path(folder)
    try:
        payload = (folder / "model.safetensors").read_bytes()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        classes = _table(folder / "classes.tsv")
        genes = (folder / "genes.txt").read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        msg = f"The model cannot be read: {error}."
        fix = "Give a folder that a default-model recipe wrote."
        raise ModelError(msg, where=str(folder), fix=fix) from error
    sha256 = hashlib.sha256(payload).hexdigest()
    if not isinstance(config, dict) or config.get("sha256") != sha256:
        what = "The weights are not those that config.json describes (sha256 differs)."
        raise _unfit(what, folder)
    try:
        stored = load(payload)
    except SafetensorError as error:
        raise _unfit(f"model.safetensors is damaged: {error}.", folder) from error
    tensors = {name: array.astype(np.float32) for name, array in stored.items()}
    files = ModelFiles(tensors, config, genes, classes, sha256)
    _hold_together(files, folder)
    return files


def _table(path: Path) -> list[list[str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        msg = f"{path.name} is cut or has lines of other columns"
        raise ValueError(msg)
    return rows[1:]


def _hold_together(files: ModelFiles, folder: Path) -> None:
    """The weights have a column for each gene and a row for each class."""
    counts = {
        "genes.txt": ("first.weight", 1, len(files.genes)),
        "classes.tsv": ("bias", 0, sum(row[-1] == "class" for row in files.classes)),
    }
    for name, (tensor, axis, count) in counts.items():
        if tensor not in files.tensors:
            raise _unfit(f"model.safetensors has no {tensor!r}.", folder)
        wanted = files.tensors[tensor].shape[axis]
        if wanted != count:
            raise _unfit(f"The weights are for {wanted} lines of {name}, not {count}.", folder)


def _unfit(what: str, folder: Path) -> ModelError:
    return ModelError(what, where=str(folder), fix="Install bioseq-toolkit again.")
