"""All cells of a file as gene ranks, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellmodels.inputs import check_block, to_cp10k
from cellmodels.stream import prefetch

from .gene_rank import GeneRankTokenizer
from .ranking import Ragged

if TYPE_CHECKING:
    from cellmodels.inputs import InputCheck
    from cellmodels.stream import CellSource


def rank_cells(
    source: CellSource,
    check: InputCheck,
    tokenizer: GeneRankTokenizer,
    *,
    size: int = 4096,
    cls: bool = True,
) -> Iterator[tuple[int, Ragged]]:
    """Tokens of all cells as (first row, ids), in bounded memory; the blocks show in no result.

    Parameters
    ----------
    source
        The open file.
    check
        What :func:`cellmodels.inputs.check_input` found there: which matrix, and whether a
        logarithm has to be undone.
    tokenizer
        Genes and medians.
    size
        Rows of a block.
    cls
        Start each cell with `<cls>`.

    Raises
    ------
    InputError
        If no gene is in the vocabulary, or a value is negative, NaN or infinite.
    """
    bound = tokenizer.bind(check.gene_map)
    logged = check.state.log_base is not None
    for first_row, block in prefetch(source.blocks(check.matrix, size)):
        # Before the logarithm is undone: it would make infinities of what is only too large.
        check_block(block, first_row=first_row, where=source.name)
        # The scale of a cell changes no rank, so that counts are ranked as they are.
        linear = to_cp10k(block, check.state) if logged else block
        yield first_row, bound(linear, cls=cls, first_row=first_row, where=source.name)
