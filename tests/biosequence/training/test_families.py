"""Homologs of a family in one context: order, spans, positions, what is predicted."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.models import BioMambaConfig, BioMambaForCausalLM
from biosequence.tokenizers import DNATokenizer, ProteinTokenizer, restore_spans
from biosequence.training.data import ShardWriter, TokenShards
from biosequence.training.objectives import model_inputs, objective_from_settings

from .corpora import Oracle, random_texts, same, write_shards

PROTEIN = ProteinTokenizer()
# Families are told apart by their letters.
FAMILIES = ("LAGV", "SERT", "DPKQ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = [random_texts(letters, 8, 30, seed) for seed, letters in enumerate(FAMILIES)]
    mixed = [(number, text) for row in zip(*texts, strict=True) for number, text in enumerate(row)]
    groups = [10 * number for number, _ in mixed]
    return write_shards(tmp_path / "f", PROTEIN, [text for _, text in mixed], groups)


def build(folder: Path, length: int = 1000, **settings):
    data = {"train": str(folder), "validation": str(folder)}
    objective = objective_from_settings({"name": "fim", **settings}, data)
    return objective, objective.datasets(PROTEIN, length, 0)


def proteins(ids: np.ndarray) -> list[str]:
    return PROTEIN.decode(restore_spans(ids)).split("<cls>")[1:]


def test_an_example_is_one_whole_family_in_another_order_each_epoch(folder: Path) -> None:
    _, data = build(folder)
    shards = TokenShards.open(folder)
    wanted = [
        sorted(PROTEIN.decode(shards[i][1:]) for i in np.flatnonzero(shards.groups == group))
        for group in (0, 10, 20)
    ]
    orders = set()
    assert len(data.train) == 3
    for epoch in range(4):
        data.train.set_epoch(epoch)
        found = [proteins(data.train[index]["input_ids"]) for index in range(3)]
        assert sorted(sorted(one) for one in found) == sorted(wanted)
        orders.add(tuple(next(one for one in found if set("".join(one)) <= set("LAGV"))))
    assert len(orders) == 4
    assert [sorted(proteins(data.validation[index]["input_ids"])) for index in range(3)] == wanted


def test_examples_are_pure_and_as_long_as_asked(folder: Path) -> None:
    _, data = build(folder, length=40)
    _, again = build(folder, length=40)
    again.train.set_epoch(3)
    again.train[0]
    again.train.set_epoch(0)
    for index in (2, 0, 1):
        same(data.train[index], again.train[index])
        assert len(data.train[index]["input_ids"]) == 40
    data.train.set_length(20)
    assert len(data.train[0]["input_ids"]) == 20


def test_fillings_have_the_positions_of_what_they_fill(folder: Path) -> None:
    _, data = build(folder)
    ids, places = (data.train[0][name] for name in ("input_ids", "position_ids"))
    numbers = data.train[0]["seq_position_ids"]
    assert (numbers[1:] >= numbers[:-1]).all() and numbers.max() == 7
    assert (places[ids == 0] == 0).all()
    spans = np.flatnonzero(
        np.isin(ids, PROTEIN.vocabulary.ids([f"<mask-{n}>" for n in range(1, 6)]))
    )
    assert len(spans) > 2
    for number in np.unique(numbers[spans]):
        own = spans[numbers[spans] == number]
        first, second = np.split(own, 2)
        np.testing.assert_array_equal(ids[first], ids[second])
        np.testing.assert_array_equal(places[first], places[second])


def spans_by_hand(ids: torch.Tensor) -> torch.Tensor:
    found = torch.zeros_like(ids, dtype=torch.bool)
    for row in range(len(ids)):
        inside = False
        for place, token in enumerate(ids[row].tolist()):
            inside = inside and token != 0
            found[row, place] = inside
            inside = inside or token == 2
    return found


@pytest.mark.parametrize("only_spans", [False, True])
def test_parts_are_the_means_over_fillings_and_the_rest(folder: Path, only_spans: bool) -> None:
    objective, data = build(folder, only_spans=only_spans)
    batch = objective.collate([data.train[index] for index in range(3)])
    torch.manual_seed(0)
    config = BioMambaConfig(
        hidden_size=16,
        num_hidden_layers=1,
        state_size=4,
        position_embeddings="abs_2d",
        **objective.model_options(PROTEIN),
    )
    model = BioMambaForCausalLM(config).eval()
    found = objective.loss(model, batch)
    logits = model(**model_inputs(model, batch)).logits
    inside = spans_by_hand(batch["input_ids"])
    labels = batch["labels"]
    each = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none"
    )
    told, inside = labels[:, 1:] != -100, inside[:, 1:]
    torch.testing.assert_close(found.parts["spans"], each[told & inside].mean())
    torch.testing.assert_close(found.total, each[told].mean())
    assert int(found.weight) == objective.weight(batch) == int(told.sum())
    parts = sum(found.parts[name] * found.part_weights[name] for name in found.parts)
    torch.testing.assert_close(found.total * found.weight, parts)
    if only_spans:
        assert not bool((told & ~inside).any())
    else:
        torch.testing.assert_close(found.parts["residues"], each[told & ~inside].mean())
        assert int(told.sum()) == int(batch["attention_mask"].sum()) - 3
    found.total.backward()
    assert {"position_ids", "seq_position_ids"} <= set(model_inputs(model, batch))
    assert float(objective.loss(Oracle(38), batch).total) == 0


def test_settings_without_spans_or_positions(folder: Path) -> None:
    objective, data = build(folder, spans=False, positions=False)
    example = data.train[1]
    assert set(example) == {"input_ids", "labels"}
    assert not np.isin(example["input_ids"], [2, 33]).any()
    assert "position_ids" not in objective.collate([example])


def test_unknown_residues_keep_their_places_and_are_not_predicted(tmp_path: Path) -> None:
    tolerant = ProteinTokenizer(other="unknown")
    folder = write_shards(tmp_path / "u", tolerant, ["MK!TA"], [0])
    objective = objective_from_settings({"name": "fim", "spans": False}, {"train": str(folder)})
    example = objective.datasets(tolerant, 10, 0).train[0]
    assert tolerant.decode(example["input_ids"]) == "<cls>MK<unk>TA"
    assert (example["labels"] == -100).tolist() == [True, False, False, True, False, False]


def test_what_cannot_be_trained_on_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="filling"):
        build(folder, spans=False, only_spans=True)
    flat = write_shards(tmp_path / "flat", PROTEIN, ["MKT"])
    with pytest.raises(InputError, match="no groups"):
        build(flat)
    dna = write_shards(tmp_path / "dna", DNATokenizer(), ["ACGT"], [0])
    objective = objective_from_settings({"name": "fim"}, {"train": str(dna)})
    with pytest.raises(UsageError, match="proteins"):
        objective.datasets(DNATokenizer(), 10, 0)


def test_real_alignments(shared: Path, tmp_path: Path) -> None:
    from biosequence.io import read_a3m

    with tarfile.open(shared / "data/seq/protein_msas_a3m.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    paths = sorted(tmp_path.glob("**/*.a3m"))
    kept = []
    with ShardWriter(tmp_path / "s", PROTEIN) as writer:
        for number, path in enumerate(paths):
            kept.append({text for text in read_a3m(path).sequences() if text})
            for text in kept[-1]:
                writer.add(PROTEIN.encode(text), group=number)
    objective, data = build(tmp_path / "s", length=2048)
    assert len(data.train) == len(paths)
    for index in range(len(paths)):
        whole = proteins(cut_to_whole(data.validation[index]["input_ids"]))
        assert whole and set(whole) <= kept[index]
    batch = objective.collate([data.train[index] for index in range(2)])
    assert batch["input_ids"].shape[1] <= 2048


def cut_to_whole(ids: np.ndarray) -> np.ndarray:
    """Without the last sequence, which may be cut off."""
    return ids[: np.flatnonzero(ids == 0)[-1]]
