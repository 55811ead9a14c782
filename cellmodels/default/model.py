"""The default model at run time: a few matrix products on numpy, the same in every batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from .folder import read_folder

# Shapes: B cells, F feature genes, H hidden units, D embedding width, C classes, K components.

# Cells that are worked on at once.
ROWS = 1024
# A dense product may give a row other last bits in another place, or among fewer rows. Sparse ones
# go row by row, and dense ones are summed in float64 and rounded, so that a cell's numbers do not
# depend on its batch.


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
        found = read_folder(folder)
        cells = [row for row in found.classes if row[3] == "class"]
        return cls(
            np.array(found.genes, dtype=object),
            tuple(row[0] for row in cells),
            tuple(tuple(row[2].split(",")) for row in cells),
            tuple(row[0] for row in found.classes if row[3] != "class"),
            found.tensors,
            found.config,
            found.sha256,
        )

    @cached_property
    def _first_FJ(self) -> np.ndarray:
        # Encoder and components read the same rows: one product for both.
        first, basis = self.tensors["first.weight"].T, self.tensors["components.basis"]
        return np.ascontiguousarray(np.hstack([first, basis]))

    @cached_property
    def _second_HD(self) -> np.ndarray:
        return np.ascontiguousarray(self.tensors["second.weight"].T, dtype=np.float64)

    @cached_property
    def _centre_K(self) -> np.ndarray:
        return self.tensors["components.mean"] @ self.tensors["components.basis"]

    @cached_property
    def _prototype_DC(self) -> np.ndarray:
        prototype = self.tensors["prototype"]
        prototype = prototype / np.linalg.norm(prototype, axis=1, keepdims=True)
        return np.ascontiguousarray((prototype * self.tensors["scale"]).T, dtype=np.float64)

    def encode(self, x_BF: np.ndarray | sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        """Unit embedding float32 [B, D] and components float32 [B, K] of log1p(CP10k) rows.

        The components are coordinates on the model's axes of expression, which know no labels.
        """
        parts = [self._encode(sparse.csr_matrix(block)) for block in _blocks(x_BF)]
        embedding, components = (np.concatenate(part) for part in zip(*parts, strict=True))
        return embedding, components

    def embed(self, x_BF: np.ndarray | sparse.csr_matrix) -> np.ndarray:
        """Unit embedding float32 [B, D] of log1p(CP10k) rows (or ranked-list weights)."""
        return self.encode(x_BF)[0]

    def log_probabilities(self, embedding_BD: np.ndarray) -> np.ndarray:
        """Natural-log probabilities float32 [B, C] of embedded cells, before calibration."""
        parts = []
        for block in _blocks(embedding_BD):
            logits = (block @ self._prototype_DC).astype(np.float32) + self.tensors["bias"]
            logits -= logits.max(axis=1, keepdims=True)
            logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
            parts.append(logits)
        return np.concatenate(parts)

    def components(self, x_BF: np.ndarray | sparse.csr_matrix) -> np.ndarray:
        """Coordinates float32 [B, K] on the model's expression components, which know no labels."""
        return self.encode(x_BF)[1]

    def similarity(self, components_BK: np.ndarray) -> np.ndarray:
        """Greatest cosine [B] between rows of components and those of the class means."""
        return (_unit(components_BK) @ self._class_KC).max(axis=1)

    @cached_property
    def _class_KC(self) -> np.ndarray:
        return np.ascontiguousarray(_unit(self.tensors["class.components"]).T)

    def _encode(self, x_BF: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        # Dividing the few products by a row's length is the same as dividing its many genes.
        squares_B = np.asarray(x_BF.multiply(x_BF).sum(axis=1)).ravel()
        length_B1 = np.maximum(np.sqrt(squares_B), 1e-9).astype(np.float32)[:, None]
        both = (x_BF @ self._first_FJ) / length_B1
        width = len(self.tensors["first.bias"])
        hidden = np.maximum(both[:, :width] + self.tensors["first.bias"], 0.0)
        second = (hidden @ self._second_HD).astype(np.float32)
        embedding = _unit(second + self.tensors["second.bias"])
        return embedding, both[:, width:] - self._centre_K


def _blocks(x: np.ndarray | sparse.csr_matrix) -> Iterator[np.ndarray | sparse.csr_matrix]:
    for start in range(0, max(x.shape[0], 1), ROWS):
        yield x[start : start + ROWS]


def _length(x_BF: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt(np.einsum("bf,bf->b", x_BF, x_BF)), 1e-9)[:, None]


def _unit(x_BF: np.ndarray) -> np.ndarray:
    return x_BF / _length(x_BF)


@lru_cache(maxsize=1)
def load_default() -> DefaultModel:
    """The model that comes with the package; read once."""
    return DefaultModel.load(Path(str(files(__package__))))
