"""The default model at run time: three small matrix products on numpy, the same for every batch size."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from biosequence.errors import ModelError

# Shapes: B cells, F feature genes, H hidden units, D embedding width, C classes, K components.

# BLAS may pick another kernel for another number of rows, and the last bits then differ: rows are
# always multiplied in blocks of this size, so that a cell's numbers do not depend on its neighbours.
ROWS = 1024


@dataclass(frozen=True)
class DefaultModel:
    """Encoder, class prototypes and mean class profiles of one trained default model.

    Attributes
    ----------
    genes
        Names of the F feature genes in the shared human-mouse space.
    classes
        Cell Ontology ids of the C classes.
    tissues
        Tissue names of each class; ("any",) where it lives everywhere.
    answers
        Broad types that may be answered besides the classes.
    tensors
        The arrays of model.safetensors.
    config
        Version, temperatures, thresholds and how it was trained (config.json).
    sha256
        Hash of the weights file.
    """

    genes: np.ndarray
    classes: tuple[str, ...]
    tissues: tuple[tuple[str, ...], ...]
    answers: tuple[str, ...]
    tensors: dict[str, np.ndarray]
    config: dict[str, Any]
    sha256: str

    @classmethod
    def load(cls, folder: Path) -> DefaultModel:
        """Read a model folder: model.safetensors, config.json, classes.tsv, genes.txt.

        Raises
        ------
        ModelError
            If a file is missing or does not fit the others.
        """
        try:
            payload = (folder / "model.safetensors").read_bytes()
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            lines = (folder / "classes.tsv").read_text(encoding="utf-8").splitlines()
            genes = (folder / "genes.txt").read_text(encoding="utf-8").split()
        except (OSError, json.JSONDecodeError) as error:
            msg = f"The model cannot be read: {error}."
            fix = "Give a folder that a default-model recipe wrote."
            raise ModelError(msg, where=str(folder), fix=fix) from error
        sha256 = hashlib.sha256(payload).hexdigest()
        if config.get("sha256") != sha256:
            msg = "The weights are not those that config.json describes (sha256 differs)."
            raise ModelError(msg, where=str(folder), fix="Install bioseq-toolkit again.")
        stored = load_file(folder / "model.safetensors")
        tensors = {name: array.astype(np.float32) for name, array in stored.items()}
        rows = [line.split("\t") for line in lines[1:]]
        cells = [row for row in rows if row[3] == "class"]
        answers = tuple(row[0] for row in rows if row[3] != "class")
        classes = tuple(cell[0] for cell in cells)
        tissues = tuple(tuple(cell[2].split(",")) for cell in cells)
        if tensors["first.weight"].shape[1] != len(genes) or len(tensors["bias"]) != len(classes):
            msg = "The weights do not fit genes.txt or classes.tsv."
            raise ModelError(msg, where=str(folder), fix="Install bioseq-toolkit again.")
        genes_F = np.array(genes, dtype=object)
        return cls(genes_F, classes, tissues, answers, tensors, config, sha256)

    @cached_property
    def _first_FH(self) -> np.ndarray:
        return np.ascontiguousarray(self.tensors["first.weight"].T)

    @cached_property
    def _prototype_DC(self) -> np.ndarray:
        prototype = self.tensors["prototype"]
        prototype = prototype / np.linalg.norm(prototype, axis=1, keepdims=True)
        return np.ascontiguousarray((prototype * self.tensors["scale"]).T)

    def embed(self, x_BF: np.ndarray) -> np.ndarray:
        """Unit embedding float32 [B, D] of log1p(CP10k) rows (or ranked-list weights)."""
        return np.concatenate([self._embed(block) for block in _blocks(x_BF)])[: len(x_BF)]

    def log_probabilities(self, embedding_BD: np.ndarray) -> np.ndarray:
        """Natural-log probability float32 [B, C] of each class for embedded cells, before calibration."""
        parts = []
        for block in _blocks(embedding_BD):
            logits = block @ self._prototype_DC + self.tensors["bias"]
            logits -= logits.max(axis=1, keepdims=True)
            parts.append(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
        return np.concatenate(parts)[: len(embedding_BD)]

    def components(self, x_BF: np.ndarray) -> np.ndarray:
        """Coordinates float32 [B, K] on the model's expression components, which know no labels."""
        mean, basis = self.tensors["components.mean"], self.tensors["components.basis"]
        parts = [(_unit(block) - mean) @ basis for block in _blocks(x_BF)]
        return np.concatenate(parts)[: len(x_BF)]

    def similarity(self, x_1F: np.ndarray) -> float:
        """Greatest cosine, in component space, between one profile and the class means."""
        return float((_unit(self.components(x_1F)) @ self._class_KC).max())

    @cached_property
    def _class_KC(self) -> np.ndarray:
        return np.ascontiguousarray(_unit(self.tensors["class.components"]).T)

    def _embed(self, x_BF: np.ndarray) -> np.ndarray:
        hidden = _unit(x_BF) @ self._first_FH + self.tensors["first.bias"]
        np.maximum(hidden, 0.0, out=hidden)
        return _unit(hidden @ self.tensors["second.weight"].T + self.tensors["second.bias"])


def _blocks(x_BF: np.ndarray):
    for start in range(0, max(len(x_BF), 1), ROWS):
        block = x_BF[start : start + ROWS]
        if len(block) < ROWS:
            block = np.vstack([block, np.zeros((ROWS - len(block), x_BF.shape[1]), np.float32)])
        yield block


def _unit(x_BF: np.ndarray) -> np.ndarray:
    norm = np.sqrt((x_BF * x_BF).sum(axis=1, keepdims=True))
    return x_BF / np.maximum(norm, 1e-9)


@lru_cache(maxsize=1)
def load_default() -> DefaultModel:
    """The model that comes with the package; read once."""
    return DefaultModel.load(Path(str(files(__package__))))
