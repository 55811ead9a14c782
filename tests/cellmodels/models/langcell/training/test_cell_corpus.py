"""Cells of files become a corpus with the same ranks, and examples that depend on their number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError
from biosequence.training.data import TokenShards
from cellmodels.models.langcell.training import (
    CellText,
    CellTexts,
    texts_of_labels,
    write_cell_corpus,
)
from cellmodels.models.langcell.training.data import TextGroups
from cellmodels.models.langcell.training.texts import identities, read_texts

from .pseudo_cells import TYPES, processor, pseudo_cells, text_of

RATE, SHARE = 0.15, 0.7


@pytest.fixture(scope="module")
def cells(corpora: Path) -> TokenShards:
    return TokenShards.open(corpora / "corpus")


def dataset(cells: TokenShards, **options) -> CellTexts:
    texts = TextGroups([[np.array([7, n, v]) for v in range(3)] for n in range(4)], np.arange(4))
    given = {"texts": texts, "mask_rate": RATE, "view_share": SHARE, "shuffle": True} | options
    return CellTexts(cells, processor().genes.vocabulary, 40, 1, **given)


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def test_a_corpus_holds_what_the_tokenizer_makes_of_the_counts(cells: TokenShards) -> None:
    adata, genes = pseudo_cells(), processor().genes
    ranks = genes.bind(list(adata.var_names))(adata.X)
    assert len(cells) == adata.n_obs == 200
    for number in range(0, 200, 17):
        np.testing.assert_array_equal(cells[number], ranks[number])
    cells.verify()
    assert len(processor()) == len(genes) == cells.manifest["vocab_size"]


def test_log_values_make_the_same_corpus_as_counts(tmp_path: Path, cells: TokenShards) -> None:
    adata = pseudo_cells()
    totals = np.asarray(adata.X.sum(1)).ravel()
    adata.X = (adata.X.multiply(1e4 / totals[:, None])).tocsr().astype(np.float32).log1p()
    write_cell_corpus(tmp_path / "logs", [adata], processor())
    logs = TokenShards.open(tmp_path / "logs")
    agree = [np.array_equal(logs[n], cells[n]) for n in range(200)]
    assert np.mean(agree) > 0.95


def test_cells_without_a_text_are_left_out_and_counted(tmp_path: Path) -> None:
    adata = pseudo_cells(per_type=5)
    adata.obs.iloc[[0, 7], 0] = None
    adata.X[3] = 0
    adata.X.eliminate_zeros()
    found = write_cell_corpus(tmp_path / "some", [adata], processor(), text_of=text_of)
    assert (found.cells, found.without_text, found.without_genes) == (17, 2, 1)
    assert found.groups == {"B cell": 3, "T cell": 4, "monocyte": 5, "platelet": 5}
    shards = TokenShards.open(tmp_path / "some")
    groups = read_texts(tmp_path / "some")
    assert [group.label for group in groups] == list(TYPES)
    assert shards.groups.tolist() == [0] * 3 + [1] * 4 + [2] * 5 + [3] * 5
    line = json.loads((tmp_path / "some" / "texts.jsonl").read_text().splitlines()[2])
    assert line == {"label": "monocyte", "texts": list(TYPES["monocyte"]), "ontology_id": None}


def test_a_corpus_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column"):
        write_cell_corpus(
            tmp_path / "x", [pseudo_cells(5)], processor(), text_of=texts_of_labels("absent")
        )
    assert not list(tmp_path.iterdir())


def test_damaged_texts_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"label": "a", "texts": ["b"]}\n{"label": "a"}\n')
    with pytest.raises(InputError, match="cannot be read") as error:
        read_texts(tmp_path)
    assert error.value.where.endswith("line 2")
    assert read_texts(tmp_path / "elsewhere") is None


def test_two_spellings_of_a_term_are_one_identity() -> None:
    obs = pseudo_cells(1).obs
    obs["label"] = ["CD14+ Monocytes", "CD14-positive monocyte", "our cluster 7", "Our cluster 7"]
    found = texts_of_labels("label")(obs)
    assert found[0] == found[1]
    assert found[0].ontology_id == "CL:0001054"
    one, same, own, again = identities(found).tolist()
    assert one == same != own == again
    other = CellText("monocyte of another kind", ("x",), "CL:0001054")
    assert identities([found[0], other]).tolist() == [one, one]


def test_an_example_is_a_function_of_seed_epoch_and_number(cells: TokenShards) -> None:
    one, other = dataset(cells), dataset(cells)
    first = [one[number] for number in range(8)]
    for number in reversed(range(8)):
        assert same(other[number], first[number])
    other.set_epoch(1)
    assert not any(same(other[number], first[number]) for number in range(8))
    other.set_epoch(0)
    assert same(other[3], first[3])


def test_masks_hide_the_rate_and_never_special_tokens(cells: TokenShards) -> None:
    data, genes = dataset(cells, shuffle=False), processor().genes
    hidden = fate = np.zeros(3)
    total = 0
    for number in range(200):
        example = data[number]
        ids, masked, labels = example["input_ids"], example["masked_ids"], example["labels"]
        chosen = labels != -100
        assert not chosen[0]
        assert ids[0] == masked[0] == genes.vocabulary.role_id("cls")
        np.testing.assert_array_equal(labels[chosen], ids[chosen])
        np.testing.assert_array_equal(masked[~chosen], ids[~chosen])
        mask, kept = masked[chosen] == genes.mask_id, masked[chosen] == ids[chosen]
        fate = fate + [mask.sum(), (~mask & ~kept).sum(), kept.sum()]
        assert np.isin(
            masked[chosen & (masked != genes.mask_id)], genes.vocabulary.letter_ids
        ).all()
        total += len(ids) - 1
        hidden = hidden + chosen.sum()
    assert hidden[0] / total == pytest.approx(RATE, abs=0.02)
    np.testing.assert_allclose(fate / hidden[0], [0.8, 0.1, 0.1], atol=0.05)


def test_a_view_keeps_the_share_in_the_order_of_ranks(cells: TokenShards) -> None:
    data = dataset(cells, shuffle=False)
    kept = total = 0
    for number in range(200):
        ids, view = data[number]["input_ids"].tolist(), data[number]["view_ids"].tolist()
        assert view[0] == ids[0]
        assert [ids.index(token) for token in view] == sorted(ids.index(token) for token in view)
        kept, total = kept + len(view) - 1, total + len(ids) - 1
    assert kept / total == pytest.approx(SHARE, abs=0.02)


def test_a_cell_draws_every_text_of_its_group_over_the_epochs(cells: TokenShards) -> None:
    data = dataset(cells)
    seen: dict[int, set[int]] = {}
    for epoch in range(6):
        data.set_epoch(epoch)
        for number in range(200):
            group, variant = data[number]["text_ids"][1:]
            assert group == data[number]["identity"] == cells.groups[data[number]["cell"]]
            seen.setdefault(int(data[number]["cell"]), set()).add(int(variant))
    assert len(seen) == 200
    assert np.mean([len(variants) == 3 for variants in seen.values()]) > 0.6


def test_switching_a_loss_off_changes_no_other_draw(cells: TokenShards) -> None:
    full, bare = dataset(cells), dataset(cells, mask_rate=None, view_share=None)
    for number in range(5):
        for name, value in bare[number].items():
            np.testing.assert_array_equal(full[number][name], value)
