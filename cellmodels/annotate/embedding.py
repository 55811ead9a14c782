"""X_bioseq alone: check, stream, embed; nothing is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from cellmodels.inputs import check_block, check_input, to_cp10k
from cellmodels.stream import CellSource, open_cells

from .options import AnnotateOptions
from .parallel import map_blocks
from .scoring import pieces
from .setup import bind_genes, load_annotator

if TYPE_CHECKING:
    from anndata import AnnData


def embed_cells(source: CellSource | AnnData, options: AnnotateOptions) -> np.ndarray:
    """The embedding that `annotate_cells` gives the same cells, float32 [n_obs, D].

    Only the options on what is read, the model and the batch size count.

    Raises
    ------
    InputError, UsageError, ModelError
        As `annotate_cells`.
    """
    if not isinstance(source, CellSource):
        with open_cells(source) as opened:
            return embed_cells(opened, options)
    annotator, calibration = load_annotator(options)
    check = check_input(
        source, layer=options.layer, gene_key=options.gene_key, organism=options.organism
    )
    bound = bind_genes(annotator, calibration, check, source.name)

    def embed(piece: tuple[int, sparse.csr_matrix]) -> np.ndarray:
        first, block = piece
        check_block(block, first_row=first, where=source.name)
        return bound.embed(bound.features(to_cp10k(block, check.state)))

    blocks = source.blocks(check.matrix, size=options.batch_size)
    return np.concatenate(list(map_blocks(embed, pieces(blocks))))
