"""Columns of a file as tokens: ids, versions, symbols, old names, mouse genes, antibodies."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.errors import InputError
from cellmodels.genes import map_genes
from cellmodels.tokenizers import GeneRankTokenizer
from cellmodels.tokenizers.published import medians_of, vocabulary_of

CD3E, MS4A1, LYZ, TENT5A = (
    "ENSG00000198851",
    "ENSG00000156738",
    "ENSG00000090382",
    "ENSG00000112773",
)


def tokenizer_of(*genes: str, id_kind: str = "ensembl") -> GeneRankTokenizer:
    tokens = {name: place for place, name in enumerate(["<pad>", "<mask>", *genes])}
    vocabulary = vocabulary_of(tokens)
    medians_V = medians_of(vocabulary, dict.fromkeys(genes, 2.0))
    return GeneRankTokenizer(vocabulary, medians_V, id_kind=id_kind)


@pytest.fixture
def tokenizer() -> GeneRankTokenizer:
    return tokenizer_of(CD3E, MS4A1, LYZ, TENT5A)


@pytest.mark.parametrize("mapped", [False, True], ids=["names", "gene map"])
@pytest.mark.parametrize(
    ("names", "tokens"),
    [
        ([CD3E, MS4A1], [2, 3]),
        ([f"{CD3E}.17", f"{MS4A1}.2"], [2, 3]),
        (["CD3E", "MS4A1", "LYZ"], [2, 3, 4]),
        (["FAM46A", "TENT5A"], [5, 5]),
        (["Cd3e", "Ms4a1", "Tent5a", "Ly6g"], [2, 3, 5, -1]),
        (["ENSMUSG00000032093.8", "ENSMUSG00000024673"], [2, 3]),
        (["GAPDH", CD3E, "MS4A1", "Nonsense"], [-1, 2, 3, -1]),
    ],
    ids=["ids", "versions", "symbols", "earlier", "mouse", "mouse ids", "mixed"],
)
def test_genes_are_found_by_any_name(
    tokenizer: GeneRankTokenizer, names: list[str], tokens: list[int], mapped: bool
) -> None:
    bound = tokenizer.bind(map_genes(names) if mapped else names)
    assert bound.token_V.tolist() == tokens
    assert bound.n_columns == len(names)
    assert bound.n_used == sum(token >= 0 for token in tokens)
    assert bound.to_dict()["n_tokens"] == len({token for token in tokens if token >= 0})


def test_mouse_genes_of_one_ortholog_add_up(tokenizer: GeneRankTokenizer) -> None:
    bound = tokenizer.bind(["Lyz1", "Lyz2", "Cd3e", "Ms4a1"])
    assert bound.token_V.tolist() == [4, 4, 2, 3]
    assert bound(np.array([[3, 3, 5, 0]]), cls=False)[0].tolist() == [4, 2]


def test_columns_of_one_gene_add_up(tokenizer: GeneRankTokenizer) -> None:
    bound = tokenizer.bind(["CD3E", f"{CD3E}.4", "LYZ"])
    assert bound(np.array([[2, 2, 3]]), cls=False)[0].tolist() == [2, 4]
    assert (bound.n_used, bound.n_tokens) == (3, 2)


def test_a_token_that_no_gene_table_knows_is_found_by_itself() -> None:
    ids = ["ENSG90000000001", "ENSG90000000008"]
    assert tokenizer_of(*ids).bind(ids[::-1]).token_V.tolist() == [3, 2]


def test_two_ids_of_one_symbol_stay_two_tokens_and_the_symbol_is_the_lower() -> None:
    # Both are MATR3.
    ids = ["ENSG00000015479", "ENSG00000280987"]
    bound = tokenizer_of(*ids).bind([*ids, "MATR3"])
    assert bound.token_V.tolist() == [2, 3, 2]


def test_an_antibody_that_the_gene_map_left_out_is_no_token(tokenizer: GeneRankTokenizer) -> None:
    bound = tokenizer.bind(map_genes(["CD3E", "", "LYZ"]))
    assert bound.token_V.tolist() == [2, -1, 4]


def test_a_shared_vocabulary_keeps_genes_that_mouse_alone_has() -> None:
    tokenizer = tokenizer_of("CD3E", "Ly6g", id_kind="shared")
    assert tokenizer.bind(["Ly6g", "Cd3e", "Ms4a1"]).token_V.tolist() == [3, 2, -1]
    assert tokenizer.bind([CD3E, "GAPDH"]).token_V.tolist() == [2, -1]


def test_special_tokens_are_no_genes(tokenizer: GeneRankTokenizer) -> None:
    assert tokenizer.bind(["<pad>", "<cls>", "CD3E"]).token_V.tolist() == [-1, -1, 2]


@pytest.mark.parametrize("names", [["GAPDH", "ACTB"], ["a", "b"], []])
def test_no_overlap_names_ids_seen_and_expected(
    tokenizer: GeneRankTokenizer, names: list[str]
) -> None:
    with pytest.raises(InputError) as raised:
        tokenizer.bind(names)
    assert f"None of the {len(names)} genes" in raised.value.what
    assert CD3E in raised.value.where
    assert all(repr(name) in raised.value.where for name in names)
