"""Molecules of a domain in one context."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from biosequence.errors import UsageError
from biosequence.tokenizers import DNATokenizer, SmilesTokenizer
from biosequence.tokenizers.smiles_chemistry import canonical_smiles
from biosequence.training.objectives import objective_from_settings

from .corpora import Oracle, same, write_shards

SMILES = SmilesTokenizer()
DOMAINS = [["CCO", "CCN", "CCCl", "C"], ["c1ccccc1", "c1ccncc1", "Cc1ccccc1"]]


@pytest.fixture(params=["grouped", "joined"])
def folder(request, tmp_path: Path) -> Path:
    if request.param == "joined":
        return write_shards(tmp_path / "s", SMILES, [".".join(domain) for domain in DOMAINS])
    texts = [(n, text) for n, domain in enumerate(DOMAINS) for text in domain]
    return write_shards(tmp_path / "s", SMILES, [t for _, t in texts], [n for n, _ in texts])


def build(folder: Path, length: int = 100, tokenizer=SMILES, **settings):
    data = {"train": str(folder), "validation": str(folder)}
    objective = objective_from_settings({"name": "in-context", **settings}, data)
    return objective, objective.datasets(tokenizer, length, 0)


def text_of(example: dict) -> str:
    return SMILES.decode(example["input_ids"])


def molecules(example: dict) -> list[str]:
    text = text_of(example)
    assert text.startswith("<bos>") and text.endswith("<eos>")
    return text.removeprefix("<bos>").removesuffix("<eos>").split(".")


def test_a_domain_comes_whole_in_another_order_each_epoch(folder: Path) -> None:
    _, data = build(folder)
    orders = set()
    for epoch in range(6):
        data.train.set_epoch(epoch)
        found = [molecules(data.train[index]) for index in range(len(data.train))]
        assert sorted(map(sorted, found)) == sorted(map(sorted, DOMAINS))
        orders.add(tuple(next(one for one in found if "C" in one)))
    assert len(orders) > 3
    assert [sorted(molecules(data.validation[n])) for n in range(2)] == list(map(sorted, DOMAINS))


def test_short_contexts_hold_as_many_tokens_as_asked(folder: Path) -> None:
    _, data = build(folder, length=9, examples_per_domain=5)
    assert len(data.train) == 10 and len(data.validation) == 2
    texts = {text_of(data.train[index]) for index in range(10)}
    assert len(texts) > 2
    for index in range(10):
        assert len(data.train[index]["input_ids"]) == 9
        assert "<eos>" not in text_of(data.train[index])
    same(data.train[3], build(folder, length=9, examples_per_domain=5)[1].train[3])


def test_domains_written_as_lines_may_have_gaps(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "s", SMILES, [".CC..CO.N."])
    assert sorted(molecules(build(folder)[1].train[0])) == ["CC", "CO", "N"]


def test_random_smiles_are_the_same_molecules(folder: Path) -> None:
    _, data = build(folder, random_smiles=True)
    seen = set()
    for epoch in range(5):
        data.train.set_epoch(epoch)
        found = [molecules(data.train[index]) for index in range(2)]
        seen |= {text for one in found for text in one}
        canonical = [sorted(map(canonical_smiles, one)) for one in found]
        assert sorted(canonical) == sorted(sorted(map(canonical_smiles, d)) for d in DOMAINS)
    assert "OCC" in seen
    assert sorted(molecules(data.validation[0])) == sorted(DOMAINS[0])


def test_all_tokens_but_the_first_are_predicted(folder: Path) -> None:
    objective, data = build(folder)
    batch = objective.collate([data.train[0], data.train[1]])
    found = objective.loss(Oracle(len(SMILES)), batch)
    assert float(found.total) == 0
    assert int(found.weight) == int(batch["attention_mask"].sum()) - 2


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    dna = write_shards(tmp_path / "d", DNATokenizer(), ["ACGT"])
    with pytest.raises(UsageError, match="join molecules"):
        build(dna, tokenizer=DNATokenizer())
    with pytest.raises(UsageError, match="examples_per_domain"):
        build(dna, examples_per_domain=0)


def test_real_domains_dirty_entries_included(shared: Path, tmp_path: Path) -> None:
    path = shared / "data/seq/smiles_incontext_sets.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        lines = [line.strip() for line in handle][-3:]
    tolerant = SmilesTokenizer(other="unknown")
    folder = write_shards(tmp_path / "s", tolerant, lines)
    objective, data = build(folder, length=256, tokenizer=tolerant, random_smiles=True)
    batch = objective.collate([data.train[index] for index in range(3)])
    unknown = batch["input_ids"] == tolerant.vocabulary.role_id("unk")
    assert bool((batch["labels"][unknown] == -100).all())
    assert batch["input_ids"].shape == (3, 256)
