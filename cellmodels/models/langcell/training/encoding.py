"""Cells of a file as ids of genes, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError
from biosequence.training.data import TokenDocuments
from biosequence.training.data.shard_writer import stored_type
from cellmodels.inputs import InputCheck, check_input
from cellmodels.stream import CellSource
from cellmodels.tokenizers import rank_cells

if TYPE_CHECKING:
    from cellmodels.tokenizers import GeneRankTokenizer


@dataclass(frozen=True)
class Reading:
    """How cells of a file are read.

    Parameters
    ----------
    layer
        ``"auto"``, ``"X"``, ``"raw"`` or a layer's name.
    gene_key
        The var column with gene names; None: the one that names most genes.
    organism
        ``"human"``, ``"mouse"`` or ``"auto"``.
    """

    layer: str = "auto"
    gene_key: str | None = None
    organism: str = "auto"

    def check(self, source: CellSource) -> InputCheck:
        """What the file holds.

        Raises
        ------
        InputError
            As :func:`~cellmodels.inputs.check_input`.
        """
        return check_input(source, layer=self.layer, gene_key=self.gene_key, organism=self.organism)


def encoded_cells(
    source: CellSource, genes: GeneRankTokenizer, reading: Reading
) -> Iterator[tuple[int, np.ndarray]]:
    """Number and ids of every cell of a file, ``<cls>`` first; one block is held in memory.

    Raises
    ------
    InputError
        If the matrix cannot be used, or none of its genes is in the vocabulary.
    """
    for first, found in rank_cells(source, reading.check(source), genes):
        yield from enumerate(found, first)


class EncodedCells(TokenDocuments):
    """Cells of a file in memory, two bytes a gene.

    Parameters
    ----------
    source
        The file.
    genes
        How they are read.
    reading
        Which matrix and genes.
    kept
        True for the cells to keep, of shape (cells,).

    Attributes
    ----------
    rows
        Number in the file of each cell; cells without a known gene are left out.

    Raises
    ------
    InputError
        As :func:`encoded_cells`, and if no cell is left.
    """

    def __init__(
        self, source: CellSource, genes: GeneRankTokenizer, reading: Reading, kept: np.ndarray
    ) -> None:
        dtype = stored_type(len(genes))
        data, ends, rows = bytearray(), [], []
        for number, ids in encoded_cells(source, genes, reading):
            # <cls> alone says nothing.
            if kept[number] and len(ids) > 1:
                data += ids.astype(dtype).tobytes()
                ends.append(len(data) // dtype.itemsize)
                rows.append(number)
        if not rows:
            raise InputError(
                "No cell that is wanted has a known gene.",
                where=source.name,
                fix="Check which genes and cells the file has.",
            )
        self._genes = genes
        self._ids = np.frombuffer(bytes(data), dtype=dtype)
        self.ends = np.array(ends, dtype=np.int64)
        self.rows = np.array(rows, dtype=np.int64)
        self.groups = None
        self.manifest = {}

    def span(self, start: int, stop: int) -> np.ndarray:
        """The ids `start` to `stop` of the stream; a view."""
        return self._ids[start:stop]

    def tokenizer(self) -> GeneRankTokenizer:
        """What the cells were read with."""
        return self._genes
