"""Pseudo-cells and real cells as corpora of gene ranks, with texts for every type."""

# Shapes: N cells, F genes, M gene panels.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from transformers import PreTrainedTokenizerFast

from biosequence.training.data import ShardWriter
from cellmodels.models.langcell import LangCellProcessor
from cellmodels.models.langcell.training.corpus import PROCESSOR
from cellmodels.models.langcell.training.texts import TEXTS, CellText, write_texts
from cellmodels.ontology import cell_ontology
from cellmodels.tokenizers import GeneRankTokenizer
from cellmodels.tokenizers.medians import nonzero_medians
from cellmodels.tokenizers.published import medians_of, vocabulary_of

from ..default_model.library import marker_weights
from ..default_model.train import (
    Sampler,
    TrainConfig,
    build_stock,
    panel_masks,
    show_panels,
)
from .sources import Sources

ROWS = 2048
VALIDATION_SEED = 10_000

TextsOf = Callable[[str, np.random.Generator], Sequence[str]]
"""Texts of a type."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How many cells are drawn.

    Attributes
    ----------
    pool
        Cells that are drawn at once.
    pools
        How often.
    shows
        How often each cell is shown, each time in another gene panel.
    validation
        Cells that are watched while training.
    """

    pool: int = 24_576
    pools: int = 4
    shows: int = 2
    validation: int = 2_048


def write_corpora(
    output: Path,
    sources: Sources,
    text: PreTrainedTokenizerFast,
    texts_of: TextsOf,
    amounts: Amounts,
    *,
    max_length: int,
    seed: int = 0,
) -> LangCellProcessor:
    """Write `train` and `validation` below a folder; the same ones for the same arguments.

    Parameters
    ----------
    output
        A new folder.
    sources
        What cells are drawn from.
    text
        Reads texts.
    texts_of
        Training texts of a type.
    amounts
        How many cells.
    max_length
        Most genes of a cell, ``<cls>`` included.
    seed
        Of every draw.
    """
    draws = Draws(sources, amounts, seed)
    processor = LangCellProcessor(rank_tokenizer(draws, max_length), text)
    rng = np.random.default_rng([seed, 1])
    groups = [
        CellText(cell_ontology().name(term), tuple(texts_of(term, rng)), term)
        for term in draws.targets
    ]
    for name, blocks in (("train", draws.training()), ("validation", draws.validation())):
        _write(output / name, processor, groups, blocks)
    return processor


class Draws:
    """Cells as a model is shown them, with the number of each one's type among `targets`."""

    def __init__(self, sources: Sources, amounts: Amounts, seed: int) -> None:
        self.genes, self.amounts, self.seed = sources.genes, amounts, seed
        weights = marker_weights(sources.rows, sources.classes, sources.genes)
        stock, targets = build_stock(sources.references, sources.genes, sources.classes, weights)
        # Lists of markers are no cells: the order in them is not that of values over medians.
        self._config = TrainConfig(pool=amounts.pool, list_share=0.0)
        self._sampler = Sampler(stock, targets, sources.cells, sources.classes, self._config)
        self.targets = self._sampler.targets
        masks = panel_masks(sources.references, sources.genes, sources.cells, seed)
        self._masks_MF = torch.from_numpy(masks)

    def training(self) -> Iterator[tuple[sparse.csr_matrix, np.ndarray]]:
        """Blocks [N, F] of CP10k and targets [N] of all pools."""
        for number in range(self.amounts.pools):
            pool, targets = self._sampler.pool(np.random.default_rng([self.seed, 2, number]))
            for show in range(self.amounts.shows):
                yield from self._shown(pool, targets, [self.seed, 3, number, show])

    def validation(self) -> Iterator[tuple[sparse.csr_matrix, np.ndarray]]:
        """Blocks of cells that are drawn apart."""
        seed = self.seed + VALIDATION_SEED
        pool, targets = self._sampler.pool(np.random.default_rng([seed, 2, 0]))
        few = slice(self.amounts.validation)
        yield from self._shown(pool[few], targets[few], [seed, 3, 0, 0])

    def plain(self) -> sparse.csr_matrix:
        """Cells [N, F] of CP10k as they are drawn, with all genes."""
        pool, _ = self._sampler.pool(np.random.default_rng([self.seed, 4]))
        return _linear(pool)

    def _shown(
        self, pool_NF: np.ndarray, targets_N: np.ndarray, seed: Sequence[int]
    ) -> Iterator[tuple[sparse.csr_matrix, np.ndarray]]:
        state = int(np.random.SeedSequence(seed).generate_state(1)[0])
        generator = torch.Generator().manual_seed(state)
        for start in range(0, len(pool_NF), ROWS):
            part = slice(start, start + ROWS)
            x_NF = torch.from_numpy(pool_NF[part].astype(np.float32))
            x_NF = show_panels(x_NF, self._masks_MF, self._config.panel_share, generator)
            yield _linear(x_NF.numpy()), targets_N[part]


def rank_tokenizer(draws: Draws, max_length: int) -> GeneRankTokenizer:
    """The tokenizer of the genes, with medians of cells as they are drawn."""
    plain = draws.plain()
    found = nonzero_medians(lambda: iter([plain]), len(draws.genes))
    # A gene of no cell would stand out above all others wherever it does come up.
    usual = float(np.nanmedian(found.medians_G))
    medians = dict(zip(draws.genes, np.nan_to_num(found.medians_G, nan=usual), strict=True))
    names = ["<pad>", "<mask>", *draws.genes, "<cls>"]
    vocabulary = vocabulary_of({name: number for number, name in enumerate(names)})
    return GeneRankTokenizer(
        vocabulary, medians_of(vocabulary, medians), id_kind="shared", max_length=max_length
    )


def _linear(log_NF: np.ndarray) -> sparse.csr_matrix:
    found = sparse.csr_matrix(log_NF.astype(np.float32))
    np.expm1(found.data, out=found.data)
    return found


def _write(
    folder: Path,
    processor: LangCellProcessor,
    groups: Sequence[CellText],
    blocks: Iterator[tuple[sparse.csr_matrix, np.ndarray]],
) -> None:
    ranks = processor.genes.bind(list(processor.genes.vocabulary.tokens[2:-1]))
    source = {"name": "profile library and labelled cells", "recipe": "langcell"}
    with ShardWriter(folder, processor.genes, source=source) as writer:
        for block_NF, targets_N in blocks:
            for ids, target in zip(ranks(block_NF), targets_N.tolist(), strict=True):
                # <cls> alone says nothing.
                if len(ids) > 1:
                    writer.add(ids, target)
        processor.save(writer.beside(PROCESSOR))
        write_texts(writer.beside(TEXTS), groups)
