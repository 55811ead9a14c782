"""Cells of whole files as ranks: any matrix, any block size, nothing of the antibodies."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
import numpy as np
import pytest

from biosequence.errors import InputError
from cellmodels.genes import gene_table
from cellmodels.inputs import check_input
from cellmodels.stream import open_cells
from cellmodels.tokenizers import GeneRankTokenizer, rank_cells


@pytest.fixture(scope="module")
def tokenizer(liver_sample: Callable[..., ad.AnnData]) -> GeneRankTokenizer:
    """A vocabulary of most genes of the sample, with medians of their own."""
    rng = np.random.default_rng(0)
    ids = gene_table("human").ensembl_ids
    genes = sorted({ids[name][0] for name in liver_sample().var_names if name in ids})[::2]
    tokens = {name: place for place, name in enumerate(["<pad>", "<mask>", *genes])}
    return GeneRankTokenizer.from_published(
        tokens, dict(zip(genes, rng.lognormal(1, 0.7, len(genes)), strict=True))
    )


def ranked(cells: ad.AnnData, tokenizer: GeneRankTokenizer, **options) -> list[list[int]]:
    rows: list[list[int]] = []
    with open_cells(cells) as source:
        for first_row, ids in rank_cells(source, check_input(source), tokenizer, **options):
            assert first_row == len(rows)
            rows += [row.tolist() for row in ids]
    return rows


def test_blocks_do_not_show(liver_sample, tokenizer: GeneRankTokenizer) -> None:
    cells = liver_sample()
    whole = ranked(cells, tokenizer)
    assert len(whole) == cells.n_obs
    assert min(map(len, whole)) > 20
    assert ranked(cells, tokenizer, size=7) == whole
    assert ranked(cells, tokenizer, cls=False) == [row[1:] for row in whole]


def test_a_logged_matrix_gives_nearly_the_tokens_of_its_counts(
    liver_sample, tokenizer: GeneRankTokenizer
) -> None:
    cells = liver_sample()
    counted = ranked(cells, tokenizer)
    cells.X.data *= np.repeat(1e4 / cells.X.sum(1).A1, np.diff(cells.X.indptr)).astype(np.float32)
    np.testing.assert_equal(ranked(cells, tokenizer), counted)
    cells.X.data = np.log1p(cells.X.data)
    logged = ranked(cells, tokenizer)
    places = [
        a == b for x, y in zip(counted, logged, strict=True) for a, b in zip(x, y, strict=True)
    ]
    assert np.mean(places) > 0.999


def test_antibodies_reach_no_token(liver_sample, tokenizer: GeneRankTokenizer) -> None:
    cells = liver_sample()
    plain = ranked(cells, tokenizer)
    antibodies = ad.AnnData(
        np.full((cells.n_obs, 2), 1000, np.float32), obs=cells.obs[[]], var={"_": [0, 0]}
    )
    antibodies.var_names = ["CD19_TotalSeqB", "CD14_TotalSeqB"]
    antibodies.var = antibodies.var[[]]
    joined = ad.concat([cells, antibodies], axis=1)
    assert ranked(joined, tokenizer) == plain


def test_a_wrong_value_is_refused_with_its_cell(liver_sample, tokenizer: GeneRankTokenizer) -> None:
    cells = liver_sample()
    with open_cells(cells) as source:
        check = check_input(source)
        cells.X.data[cells.X.indptr[41]] = -1
        with pytest.raises(InputError, match="cell 42") as raised:
            list(rank_cells(source, check, tokenizer, size=16))
    assert raised.value.where == source.name
