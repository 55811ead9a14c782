"""Ranking cells for a text, and the cells of a file as the model reads them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cellmodels.inputs import check_input
from cellmodels.models.langcell.encoding import RankedCells
from cellmodels.models.langcell.folder import LangCellFolder
from cellmodels.models.langcell.retrieval import best_first, rank_for_text, reranked
from cellmodels.models.langcell.wording import text_of_words
from cellmodels.models.langcell.zero_shot import ZeroShot
from cellmodels.stream import open_cells


@pytest.fixture
def cells(liver_sample):
    """Sixty cells; the second is empty."""
    found = liver_sample(num_cells=60, num_genes=600, seed=1)
    found.X = found.X.multiply(np.arange(60)[:, None] != 1).tocsr()
    return found


@pytest.fixture
def opened(cells, tiny_langcell: Path) -> Iterator:
    """The cells as a real model reads them, in blocks of a size."""
    folder = LangCellFolder.open(tiny_langcell)
    genes = folder.processor().genes
    with open_cells(cells) as source:
        check = check_input(source)
        yield lambda size=4096: RankedCells(source, check, genes, size)


@pytest.fixture
def ask(tiny_langcell: Path):
    """The model with one text."""
    folder = LangCellFolder.open(tiny_langcell)
    model, processor = folder.model(), folder.processor()
    return lambda words: ZeroShot(
        model, processor, [text_of_words(words)], settings=folder.settings, device="cpu"
    )


def test_embeddings_are_equal_whatever_the_block_and_have_length_one(opened, ask) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [opened(size).embed(ask("B cell")) for size in (1, 7, 60, 4096)]
    assert found[0].dtype == np.float32
    assert all(np.array_equal(found[0], other) for other in found[1:])
    lengths = np.linalg.norm(found[0], axis=1)
    assert lengths[1] == 0
    np.testing.assert_allclose(np.delete(lengths, 1), 1, atol=1e-6)


def test_empty_cells_are_counted_in_a_warning(opened, ask) -> None:
    with pytest.warns(UserWarning, match="1 cell has no gene"):
        opened().embed(ask("B cell"))


def test_rows_are_the_cells_of_the_blocks_in_any_order(opened) -> None:
    every = [ids for _, block in opened(11).blocks() for ids in block]
    wanted = np.array([59, 1, 3, 3, 0])
    found = opened().rows(wanted)
    assert len(found[1]) == 0
    assert all(np.array_equal(one, every[row]) for one, row in zip(found, wanted, strict=True))


def test_reranking_keeps_the_set_and_orders_it_by_both(opened, ask, cells) -> None:
    query = ask("hepatocyte")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedding = opened().embed(query)
    plain, again = (
        rank_for_text(query, embedding, opened().rows, rerank=rerank) for rerank in (0, 12)
    )
    best = np.flatnonzero(plain.rank_B <= 12)
    assert set(best) == set(np.flatnonzero(again.rank_B <= 12))
    cosines = embedding[best] @ query.text_embedding_NP[0].numpy()
    log_m = query.scores_exact(opened().rows(best), 0.0, logit_space=True)[:, 0]
    scale = query.model.temperature * query.settings.weight
    np.testing.assert_allclose(again.score_B[best], cosines + scale * log_m, atol=1e-5)
    assert np.array_equal(best[np.argsort(-again.score_B[best])], _best(again)[:12])
    rest = np.setdiff1d(_best(plain), best, assume_unique=True)
    assert np.array_equal(_best(again)[12:], rest)


def _best(ranking) -> np.ndarray:
    return np.argsort(ranking.rank_B)


def test_the_score_and_the_rank_agree(opened, ask) -> None:
    query = ask("monocyte")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedding = opened().embed(query)
    found = rank_for_text(query, embedding, opened().rows, rerank=5)
    ordered = found.score_B[_best(found)]
    assert np.isnan(ordered[-1]) and found.rank_B[1] == 60
    assert (np.diff(ordered[:-1]) <= 0).all()


def test_more_to_match_than_there_are_cells_matches_all(opened, ask) -> None:
    query = ask("monocyte")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedding = opened().embed(query)
    some, more = (
        rank_for_text(query, embedding, opened().rows, rerank=rerank) for rerank in (59, 10_000)
    )
    assert np.array_equal(some.rank_B, more.rank_B)


def test_equals_stay_in_their_order_and_matched_cells_before_others() -> None:
    similarity = np.array([0.5, 0.75, 0.75, 0.5, np.nan])
    assert best_first(similarity).tolist() == [1, 2, 0, 3, 4]
    found = reranked(similarity, np.array([1, 2, 0]), np.array([-0.25, -0.25, -0.5]))
    # The cell at place 3 was not matched, and ties with the worst that was.
    assert found.rank_B.tolist() == [3, 1, 2, 4, 5]
    assert found.score_B[:4].tolist() == [0.0, 0.5, 0.5, 0.0]
