"""Cells of many files into one folder of token shards, each with what can be said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biosequence.training.data import ShardWriter
from cellmodels.stream import open_cells

from .encoding import Reading, encoded_cells
from .texts import TEXTS, CellText, TextOf, write_texts

if TYPE_CHECKING:
    from anndata import AnnData

    from ..processing_langcell import LangCellProcessor

PROCESSOR = "processor"


@dataclass(frozen=True)
class CorpusSummary:
    """What became of the cells.

    Parameters
    ----------
    cells
        Cells of the corpus.
    without_text, without_genes
        Cells that were left out.
    groups
        Cells of each group of texts, by label; empty without texts.
    """

    cells: int
    without_text: int
    without_genes: int
    groups: Mapping[str, int]


def write_cell_corpus(
    output: str | Path,
    sources: Iterable[str | Path | AnnData],
    processor: LangCellProcessor,
    *,
    text_of: TextOf | None = None,
    reading: Reading | None = None,
    source: Mapping[str, Any] | None = None,
) -> CorpusSummary:
    """Write cells as a corpus for the objective `langcell`; whole, or not at all.

    Files are read block by block. The folder holds token shards with one cell a document, the
    processor, and with `text_of` the texts and the number of each cell's group.

    Parameters
    ----------
    output
        A new or empty folder.
    sources
        Files of cells (h5ad, 10x, zarr, loom) or AnnData objects.
    processor
        Reads genes and texts.
    text_of
        From the table of cells of a file to a text for every cell, or None to leave it out; see
        :func:`texts_of_labels`. None: cells only, enough for masked genes and cells against cells.
    reading
        Which matrix and genes; by default found out.
    source
        Facts for the manifest: name, licence, checksums.

    Raises
    ------
    InputError
        If a file cannot be read, the folder is not empty, or no cell is left.
    """
    groups: dict[CellText, int] = {}
    counts: Counter[str] = Counter()
    written = without_text = without_genes = 0
    with ShardWriter(output, processor.genes, source=source) as writer:
        for entry in sources:
            with open_cells(entry) as cells:
                texts = None if text_of is None else text_of(cells.obs)
                for number, ids in encoded_cells(cells, processor.genes, reading or Reading()):
                    text = None if texts is None else texts[number]
                    if texts is not None and text is None:
                        without_text += 1
                    elif len(ids) < 2:
                        # <cls> alone says nothing.
                        without_genes += 1
                    else:
                        group = None if text is None else groups.setdefault(text, len(groups))
                        writer.add(ids, group)
                        written += 1
                        counts.update([] if text is None else [text.label])
        processor.save(writer.beside(PROCESSOR))
        if text_of is not None:
            write_texts(writer.beside(TEXTS), groups)
    return CorpusSummary(written, without_text, without_genes, dict(counts))
