"""Row blocks through an annotator: small results for every cell, expression for a sketch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from cellmodels.default.model import ROWS
from cellmodels.inputs import MatrixState, check_block, to_cp10k
from cellmodels.stream import CellSource

from .annotator import BoundAnnotator
from .answers import AnswerTree
from .calibration import Calibration, probabilities
from .parallel import map_blocks

# Shapes: B cells of a block, S sampled cells, C classes, D embedding width, K components.


@dataclass(frozen=True)
class Job:
    """All that is needed to score any row range of a file; picklable.

    Attributes
    ----------
    matrix, state
        Which matrix to read, and what it holds.
    annotator
        Bound to the file's columns.
    tree
        The answers allowed.
    calibration
        Temperatures and limits.
    log_prior_C
        From tissue and candidates.
    sketch
        Row numbers of the sampled cells, ascending.
    batch_size
        Rows per block.
    """

    matrix: str
    state: MatrixState
    annotator: BoundAnnotator
    tree: AnswerTree
    calibration: Calibration
    log_prior_C: np.ndarray
    sketch: np.ndarray
    batch_size: int


@dataclass(frozen=True)
class Part:
    """What came of one row range.

    Attributes
    ----------
    start
        First row.
    node_B, confidence_B
        Answer node of each cell (-1 for none) and its probability.
    judged_B
        False for cells with too few genes.
    embedding_BD, components_BK
        X_bioseq, and the coordinates that clusters are made of.
    sketch_rows, sketch_features, sketch_scores
        The sampled cells of the range: row numbers, log1p(CP10k), and the uncalibrated scores, of
        which annotators that do not judge groups by them keep no column.
    """

    start: int
    node_B: np.ndarray
    confidence_B: np.ndarray
    judged_B: np.ndarray
    embedding_BD: np.ndarray
    components_BK: np.ndarray
    sketch_rows: np.ndarray
    sketch_features: sparse.csr_matrix
    sketch_scores: np.ndarray


def score_rows(
    source: CellSource, job: Job, start: int = 0, stop: int | None = None
) -> Iterator[Part]:
    """Parts of a row range, in order."""
    blocks = source.blocks(job.matrix, size=job.batch_size, start=start, stop=stop)
    return map_blocks(partial(_score_block, job, source.name), pieces(blocks))


def pieces(
    blocks: Iterable[tuple[int, sparse.csr_matrix]],
) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """Blocks cut to as few rows as are multiplied at once: what is dense of them stays small."""
    for first, block in blocks:
        for low in range(0, block.shape[0], ROWS):
            yield first + low, block[low : low + ROWS]


def _score_block(job: Job, where: str, piece: tuple[int, sparse.csr_matrix]) -> Part:
    first, block = piece
    check_block(block, first_row=first, where=where)
    features_BF = job.annotator.features(to_cp10k(block, job.state))
    scores = job.annotator.score(features_BF)
    p_BC = probabilities(scores.log_p_BC, job.calibration.temperature_cell, job.log_prior_C)
    node_B, confidence_B = job.tree.choose(p_BC, job.calibration.threshold)
    judged_B = np.diff(features_BF.indptr) >= job.calibration.least_genes
    low, high = np.searchsorted(job.sketch, (first, first + features_BF.shape[0]))
    rows = job.sketch[low:high]
    here = rows - first
    return Part(
        first,
        np.where(judged_B, node_B, -1).astype(np.int32),
        np.where(judged_B, confidence_B, 0.0).astype(np.float32),
        judged_B,
        scores.embedding_BD,
        scores.components_BK,
        rows,
        features_BF[here],
        # A cell that is not judged says nothing of its cluster either.
        scores.log_p_BC[here, : None if job.annotator.keeps_scores else 0] * judged_B[here, None],
    )


@dataclass
class Collected:
    """The parts of a whole file, in row order.

    Attributes are those of `Part`, over all rows; the sampled cells are in the order asked for.
    """

    node_B: np.ndarray
    confidence_B: np.ndarray
    judged_B: np.ndarray
    embedding_BD: np.ndarray
    components_BK: np.ndarray
    sketch_rows: np.ndarray
    sketch_features: sparse.csr_matrix
    sketch_scores: np.ndarray


def collect(parts, n_obs: int, order: np.ndarray) -> Collected:
    """Join parts as they come; the sketch in the row order `order`."""
    out: Collected | None = None
    sketch: list[tuple[np.ndarray, sparse.csr_matrix, np.ndarray]] = []
    for part in parts:
        if out is None:
            out = _empty(part, n_obs)
        at = slice(part.start, part.start + len(part.node_B))
        for name in ("node_B", "confidence_B", "judged_B", "embedding_BD", "components_BK"):
            getattr(out, name)[at] = getattr(part, name)
        sketch.append((part.sketch_rows, part.sketch_features, part.sketch_scores))
    assert out is not None, "a checked source has rows"
    rows = np.concatenate([piece[0] for piece in sketch])
    place = {row: index for index, row in enumerate(rows.tolist())}
    at = np.array([place[row] for row in order.tolist()], dtype=np.int64)
    out.sketch_rows = order
    out.sketch_features = sparse.vstack([piece[1] for piece in sketch], format="csr")[at]
    out.sketch_scores = np.concatenate([piece[2] for piece in sketch])[at]
    return out


def _empty(part: Part, n_obs: int) -> Collected:
    def blank(like: np.ndarray) -> np.ndarray:
        return np.zeros((n_obs, *like.shape[1:]), like.dtype)

    return Collected(
        blank(part.node_B),
        blank(part.confidence_B),
        blank(part.judged_B),
        blank(part.embedding_BD),
        blank(part.components_BK),
        part.sketch_rows,
        part.sketch_features,
        part.sketch_scores,
    )
