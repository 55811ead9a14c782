"""What names cells: one interface for the default model, the marker table and models to come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from cellmodels.default.features import Fold
    from cellmodels.default.model import DefaultModel
    from cellmodels.genes import GeneMap

# A gene that hardly varies must not turn noise into contrast; log1p(CP10k) units.
LEAST_SPREAD = 0.1
MOST = 5.0

# Shapes: B cells, G groups of cells, V columns of the file, F feature genes, C classes,
# D embedding width, K components.


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
    """

    log_p_BC: np.ndarray
    embedding_BD: np.ndarray
    components_BK: np.ndarray


@dataclass(frozen=True)
class Background:
    """What groups of cells are held against: the file's cells and the library's, in equal parts.

    The file's own cells show what sets a group apart in its tissue. The library's stand in where
    the file holds one kind of cell only, and nothing would stand out.

    Attributes
    ----------
    mean_F, spread_F
        Mean and standard deviation of each feature in the mixture, float32 [F].
    """

    mean_F: np.ndarray
    spread_F: np.ndarray

    @classmethod
    def of(
        cls, features_SF: sparse.csr_matrix, model: DefaultModel, present_F: np.ndarray
    ) -> Background:
        """The background of the sampled cells of a file that has the genes `present_F`."""
        mean_F = np.asarray(features_SF.mean(axis=0), dtype=np.float64).ravel()
        # The data alone: a product of sparse matrices would look for what both have in common.
        squares_SF = sparse.csr_matrix(
            (features_SF.data**2, features_SF.indices, features_SF.indptr),
            shape=features_SF.shape,
        )
        square_F = np.asarray(squares_SF.mean(axis=0), dtype=np.float64).ravel()
        variance_F = np.maximum(square_F - mean_F**2, 0.0)
        library_F = np.where(present_F, model.tensors["background.mean"], 0.0).astype(np.float64)
        # A panel is normalised within its genes: its values lie higher than those of all genes.
        linear_F = np.expm1(library_F)
        library_F = np.log1p(linear_F * (np.expm1(mean_F).sum() / max(linear_F.sum(), 1e-9)))
        library_variance_F = model.tensors["background.spread"].astype(np.float64) ** 2
        between_F = ((mean_F - library_F) / 2) ** 2
        spread_F = np.sqrt((variance_F + library_variance_F) / 2 + between_F)
        mixed_F = (mean_F + library_F) / 2
        return cls(mixed_F.astype(np.float32), spread_F.astype(np.float32))

    def contrast(self, mean_BF: np.ndarray) -> np.ndarray:
        """How many standard deviations groups of cells lie above the background, [B, F]."""
        return np.clip((mean_BF - self.mean_F) / (self.spread_F + LEAST_SPREAD), -MOST, MOST)


@dataclass(frozen=True)
class Groups:
    """Some groups of sampled cells, each as a whole.

    Attributes
    ----------
    mean_GF
        Mean features.
    embedding_GD
        Mean embedding, not scaled to length 1.
    log_p_GC
        Mean scores of the cells; without columns for annotators that keep none.
    background
        What the groups are held against.
    """

    mean_GF: np.ndarray
    embedding_GD: np.ndarray
    log_p_GC: np.ndarray
    background: Background


class Annotator(ABC):
    """Scores blocks of cells of one file against fixed classes.

    Attributes
    ----------
    method
        What `--method` calls it.
    name, sha256
        Of the model.
    classes
        Nodes: Cell Ontology ids, or texts where `reads_texts`.
    tissues
        Tissue names of each class; ("any",) where it lives everywhere.
    answers
        Broad types that may be answered besides the classes.
    genes
        Names of the F features in the gene space that human and mouse share.
    reads_texts
        Whether its classes are the user's candidates, whatever they are.
    """

    method: ClassVar[str]
    name: str
    sha256: str
    classes: tuple[str, ...]
    tissues: tuple[tuple[str, ...], ...]
    answers: tuple[str, ...]
    genes: np.ndarray
    reads_texts: bool = False

    @abstractmethod
    def bind(self, genes: GeneMap) -> BoundAnnotator:
        """The annotator for the columns of one file."""


class BoundAnnotator(ABC):
    """An annotator that knows a file's columns; picklable, so that Dask workers can carry it.

    Attributes
    ----------
    n_used
        Genes of the model that the file has.
    keeps_scores
        Whether groups are judged by the scores of their cells, which are kept for it.
    """

    n_used: int
    keeps_scores: ClassVar[bool] = False

    @abstractmethod
    def features(self, block: sparse.csr_matrix) -> sparse.csr_matrix:
        """log1p(CP10k) over the annotator's genes [B, F], of linear CP10k rows, CSR [B, V]."""

    @abstractmethod
    def background(self, features_SF: sparse.csr_matrix) -> Background:
        """What groups of cells of the file are held against, from its sampled cells."""

    @abstractmethod
    def score(self, features_BF: sparse.csr_matrix) -> Scores:
        """Scores of a block of `features`."""

    @abstractmethod
    def embed(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        """The embedding of `score` alone, float32 [B, D]."""

    @abstractmethod
    def pooled(self, groups: Groups) -> np.ndarray:
        """Uncalibrated log probability [G, C] of groups of cells."""

    @abstractmethod
    def similarity(self, groups: Groups) -> np.ndarray:
        """Cosine [G] between each group and the class most like it; 1 for a perfect likeness."""


class BoundProfiles(BoundAnnotator):
    """What annotators on the default model share: its genes, embedding and mean class profiles."""

    def __init__(self, model: DefaultModel, fold: Fold) -> None:
        self.model = model
        self.fold = fold
        self.n_used = int(fold.present_F.sum())

    def features(self, block: sparse.csr_matrix) -> sparse.csr_matrix:
        """log1p(CP10k) over the model's genes."""
        features_BF = self.fold(block)
        np.log1p(features_BF.data, out=features_BF.data)
        return features_BF

    def background(self, features_SF: sparse.csr_matrix) -> Background:
        """The file's cells and the library's."""
        return Background.of(features_SF, self.model, self.fold.present_F)

    def embed(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        """The default model's embedding."""
        return self.model.embed(features_BF)

    def similarity(self, groups: Groups) -> np.ndarray:
        """Likeness of mean profiles to those of the classes."""
        return self.model.similarity(self.model.components(groups.mean_GF))
