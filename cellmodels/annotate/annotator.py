"""What names cells: one interface for the default model, the marker table and models to come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from cellmodels.genes import GeneMap

# Shapes: B cells, V columns of the file, F feature genes, C classes, K components.


@dataclass(frozen=True)
class Scores:
    """What an annotator says about a block of cells.

    Attributes
    ----------
    log_p_BC
        Uncalibrated natural-log probability of each class.
    embedding_BD
        One unit vector a cell.
    components_BK
        Coordinates that know no labels; clusters are made of these.
    features_BF
        log1p(CP10k) over the annotator's genes, sparse.
    """

    log_p_BC: np.ndarray
    embedding_BD: np.ndarray
    components_BK: np.ndarray
    features_BF: sparse.csr_matrix


class Annotator(ABC):
    """Scores blocks of cells of one file against fixed classes."""

    name: str
    sha256: str
    classes: tuple[str, ...]
    tissues: tuple[tuple[str, ...], ...]
    answers: tuple[str, ...]
    genes: np.ndarray

    @abstractmethod
    def bind(self, genes: GeneMap) -> BoundAnnotator:
        """The annotator for the columns of one file."""


class BoundAnnotator(ABC):
    """An annotator that knows the columns of a file; picklable, so that Dask workers can carry it."""

    n_used: int

    @abstractmethod
    def score(self, block: sparse.csr_matrix) -> Scores:
        """Scores of a block of linear CP10k rows, float32 CSR [B, V]."""

    @abstractmethod
    def pooled(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        """Uncalibrated log probability [C] of cells taken together (their mean expression)."""

    @abstractmethod
    def similarity(self, features_BF: sparse.csr_matrix) -> float:
        """Cosine between the cells' mean and the class most like it; 1 for a perfect likeness."""
