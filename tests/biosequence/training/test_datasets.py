"""Examples are a function of seed, epoch and index, and an epoch is the whole corpus once."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosequence.tokenizers import DNATokenizer
from biosequence.training.data import DocumentRows, PackedWindows, TokenShards
from biosequence.training.data.documents import TokenDocuments
from biosequence.training.data.epochs import bucketed_order

from .corpora import random_texts, same, write_shards


class Numbered(TokenDocuments):
    """Documents whose tokens are their own places in the stream."""

    def __init__(self, lengths: list[int]) -> None:
        self.ends = np.cumsum(lengths)
        self.groups = None
        self.manifest = {}

    def span(self, start: int, stop: int) -> np.ndarray:
        assert 0 <= start <= stop <= self.num_tokens
        return np.arange(start, stop)

    def tokenizer(self):
        raise NotImplementedError


SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=20)


@pytest.mark.parametrize("kind", [PackedWindows, DocumentRows])
@given(sizes=SIZES, length=st.integers(1, 40), epoch=st.integers(0, 3), shuffle=st.booleans())
@settings(max_examples=60)
def test_every_token_is_seen_once_an_epoch(kind, sizes, length, epoch, shuffle) -> None:
    dataset = kind(Numbered(sizes), length, 3, shuffle=shuffle)
    dataset.set_epoch(epoch)
    examples = [dataset[index] for index in range(len(dataset))]
    assert all(0 < len(example["input_ids"]) <= length for example in examples)
    seen = np.concatenate([example["input_ids"] for example in examples])
    np.testing.assert_array_equal(np.sort(seen), np.arange(sum(sizes)))


@given(sizes=SIZES, length=st.integers(1, 40), epoch=st.integers(0, 3))
@settings(max_examples=60)
def test_document_numbers_change_where_documents_do(sizes, length, epoch) -> None:
    documents = Numbered(sizes)
    dataset = PackedWindows(documents, length, 3, shuffle=True)
    dataset.set_epoch(epoch)
    for index in range(len(dataset)):
        example = dataset[index]
        ids = example["input_ids"]
        owner = np.searchsorted(documents.ends, ids, side="right")
        new = (np.diff(owner) != 0) | (np.diff(ids) != 1)
        np.testing.assert_array_equal(np.diff(example["seq_idx"]) != 0, new)
        assert example["seq_idx"][0] == 0


@pytest.mark.parametrize("kind", [PackedWindows, DocumentRows])
@given(sizes=SIZES, length=st.integers(1, 40), epoch=st.integers(0, 3))
@settings(max_examples=60)
def test_the_documents_of_an_example_are_told(kind, sizes, length, epoch) -> None:
    documents = Numbered(sizes)
    dataset = kind(documents, length, 3, shuffle=True)
    dataset.set_epoch(epoch)
    for index in range(len(dataset)):
        ids = dataset[index]["input_ids"]
        owners = set(np.searchsorted(documents.ends, ids, side="right").tolist())
        assert set(dataset.documents_of(index)) == owners


@pytest.mark.parametrize("kind", [PackedWindows, DocumentRows])
def test_examples_do_not_depend_on_what_was_asked_before(kind, tmp_path: Path) -> None:
    texts = random_texts("ACGT", 40, 50)
    shards = TokenShards.open(write_shards(tmp_path / "s", DNATokenizer(), texts))

    def noise(example, chance):
        return example | {"drawn": chance.integers(0, 9, 5)}

    def dataset():
        return kind(shards, 16, 7, shuffle=True, transform=noise)

    straight, other = dataset(), dataset()
    straight.set_epoch(2)
    for epoch in (0, 5, 2):
        other.set_epoch(epoch)
        other[len(other) - 1], other[3]
    for index in (4, 0, 9):
        same(straight[index], other[index])
    moved = pickle.loads(pickle.dumps(kind(shards, 16, 7, shuffle=True)))
    moved.set_epoch(2)
    np.testing.assert_array_equal(moved[4]["input_ids"], straight[4]["input_ids"])


@pytest.mark.parametrize("kind", [PackedWindows, DocumentRows])
def test_epochs_and_seeds_differ_and_validation_does_not(kind) -> None:
    documents = Numbered([20] * 30)

    def tokens(seed: int, epoch: int, shuffle: bool) -> list:
        dataset = kind(documents, 10, seed, shuffle=shuffle)
        dataset.set_epoch(epoch)
        return [dataset[index]["input_ids"].tolist() for index in range(len(dataset))]

    assert tokens(0, 0, True) != tokens(0, 1, True)
    assert tokens(0, 0, True) != tokens(1, 0, True)
    assert tokens(0, 0, False) == tokens(0, 1, False) == sorted(tokens(0, 0, False))


@pytest.mark.parametrize("kind", [PackedWindows, DocumentRows])
def test_the_length_may_grow(kind) -> None:
    dataset = kind(Numbered([20] * 30), 10, 0, shuffle=True)
    assert len(dataset) == 60
    dataset.set_length(20)
    assert len(dataset) == 30
    assert sorted(len(dataset[index]["input_ids"]) for index in range(30)) == [20] * 30
    with pytest.raises(IndexError):
        dataset[30]


def test_neighbours_in_training_are_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 5000)
    order = bucketed_order(lengths, np.random.default_rng(1))
    assert sorted(order) == list(range(5000))
    batches = lengths[order][: 5000 // 32 * 32].reshape(-1, 32)
    assert (batches.max(1) - batches.min(1)).mean() < 5
    assert abs(np.corrcoef(batches.mean(1)[:-1], batches.mean(1)[1:])[0, 1]) < 0.7


def test_a_billion_tokens_need_no_lists() -> None:
    import tracemalloc

    documents = Numbered([10**6] * 1000)
    tracemalloc.start()
    dataset = PackedWindows(documents, 1024, 0, shuffle=True)
    dataset[12345], dataset[len(dataset) - 1]
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
