"""Causal and masked language modelling: what is predicted, and how the loss is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.models import (
    BioMambaConfig,
    BioMambaForCausalLM,
    BioMambaForMaskedLM,
    BioXLSTMConfig,
)
from biosequence.models.bioxlstm.modeling_bioxlstm import BioXLSTMForMaskedLM
from biosequence.tokenizers import DNATokenizer, ProteinTokenizer, SmilesTokenizer
from biosequence.training.data import DocumentRows, PackedWindows
from biosequence.training.objectives import (
    Objective,
    model_inputs,
    objective_from_settings,
    objective_names,
    register_objective,
)

from .corpora import Oracle, random_texts, same, write_shards

DNA = DNATokenizer()


def build(name: str, folder: Path, tokenizer=DNA, length: int = 32, seed: int = 0, **settings):
    objective = objective_from_settings(
        {"name": name, **settings}, {"train": str(folder), "validation": str(folder)}
    )
    return objective, objective.datasets(tokenizer, length, seed)


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "reads", DNA, random_texts("ACGTN", 30, 60))


def batch_of(objective, dataset, count: int = 4) -> dict[str, torch.Tensor]:
    return objective.collate([dataset[index] for index in range(count)])


@pytest.mark.parametrize("name", ["causal-lm", "masked-lm"])
@pytest.mark.parametrize("packing", [True, False])
def test_items_are_pure_and_objectives_keep_to_the_protocol(name, packing, reads) -> None:
    objective, data = build(name, reads, packing=packing)
    assert isinstance(objective, Objective)
    again = build(name, reads, packing=packing)[1]
    again.train.set_epoch(4)
    again.train[2]
    again.train.set_epoch(0)
    for index in range(len(data.train)):
        same(data.train[index], again.train[index])
    data.validation.set_epoch(3)
    same(data.validation[1], again.validation[1])
    if packing:
        first = data.train[0]
        data.train.set_epoch(1)
        assert not np.array_equal(first["input_ids"], data.train[0]["input_ids"])


@pytest.mark.parametrize("packing", [True, False])
def test_a_model_that_knows_the_next_token_has_no_loss(packing: bool, reads: Path) -> None:
    objective, data = build("causal-lm", reads, packing=packing)
    batch = batch_of(objective, data.train, len(data.train))
    found = objective.loss(Oracle(len(DNA)), batch)
    assert float(found.total) == 0
    # Every letter but the first of a document, N and padding.
    ids, labels = batch["input_ids"], batch["labels"]
    told = labels[:, 1:] != -100
    assert int(found.weight) == int(told.sum()) > 50
    assert bool((labels[labels != -100] == ids[labels != -100]).all())
    never = torch.isin(ids, torch.tensor([DNA.pad_id, DNA.vocabulary.id("N")]))
    assert bool((labels[never] == -100).all())
    assert bool((labels[batch["attention_mask"] == 0] == -100).all())


def test_a_document_does_not_predict_the_next_one(reads: Path) -> None:
    objective, data = build("causal-lm", reads, packing=True)
    batch = batch_of(objective, data.train)
    begins = batch["seq_idx"][:, 1:] != batch["seq_idx"][:, :-1]
    assert bool(begins.any())
    assert bool((batch["labels"][:, 1:][begins] == -100).all())
    # The mark at the end of a document is predicted.
    ends = batch["input_ids"] == DNA.vocabulary.role_id("eos")
    assert bool((batch["labels"][:, 1:][ends[:, 1:]] != -100).any())


def test_what_is_filled_up_belongs_to_the_last_document(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "s", DNA, ["ACG"] * 6)
    objective, data = build("causal-lm", folder, packing=True, length=15)
    batch = objective.collate([data.validation[0], data.validation[1]])
    assert batch["seq_idx"].tolist() == [
        [0] * 4 + [1] * 4 + [2] * 4 + [3] * 3,
        [0] + [1] * 4 + [2] * 10,
    ]
    assert batch["attention_mask"].sum(1).tolist() == [15, 9]


def small_mamba(**options) -> BioMambaForCausalLM:
    torch.manual_seed(0)
    config = BioMambaConfig(
        hidden_size=16, num_hidden_layers=1, state_size=4, vocab_size=12, **options
    )
    return BioMambaForCausalLM(config).eval()


def test_packed_documents_do_not_leak_into_each_other(reads: Path) -> None:
    objective, data = build("causal-lm", reads, packing=True)
    batch = batch_of(objective, data.train)
    model = small_mamba()
    with torch.no_grad():
        before = model(**model_inputs(model, batch)).logits
        changed = dict(batch)
        first = batch["seq_idx"] == 0
        changed["input_ids"] = torch.where(first, 7, batch["input_ids"])
        after = model(**model_inputs(model, changed)).logits
    assert torch.equal(before[~first], after[~first])
    assert not torch.equal(before[first], after[first])


def test_a_model_without_document_numbers_is_not_given_any(reads: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    objective, data = build("causal-lm", reads, packing=True)
    batch = batch_of(objective, data.train)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=12, num_attention_heads=2, **sizes))
    assert set(model_inputs(model, batch)) == {"input_ids", "attention_mask"}
    found = objective.loss(model, batch)
    own = model(**model_inputs(model, batch), labels=batch["labels"]).loss
    torch.testing.assert_close(found.total, own)
    found.total.backward()


def naive_next(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
    total, count = 0.0, 0
    scores = logits.double().log_softmax(-1)
    for row in range(labels.shape[0]):
        for place in range(1, labels.shape[1]):
            if labels[row, place] != -100:
                total -= float(scores[row, place - 1, labels[row, place]])
                count += 1
    return total / count, count


@pytest.mark.parametrize("packing", [True, False])
def test_the_loss_is_what_a_loop_computes_however_it_is_batched(packing, reads) -> None:
    objective, data = build("causal-lm", reads, packing=packing)
    model = small_mamba()
    examples = [data.train[index] for index in range(7)]
    batch = objective.collate(examples)
    with torch.no_grad():
        whole = objective.loss(model, batch)
        logits = model(**model_inputs(model, batch)).logits
        parts = [objective.loss(model, objective.collate([one])) for one in examples]
    total, count = naive_next(logits, batch["labels"])
    assert int(whole.weight) == count
    np.testing.assert_allclose(float(whole.total), total, rtol=1e-5)
    averaged = sum(float(x.total * x.weight) for x in parts) / sum(float(x.weight) for x in parts)
    np.testing.assert_allclose(averaged, total, rtol=1e-5)


def test_a_batch_without_anything_to_predict_is_zero(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "n", DNA, ["NNN"])
    objective, data = build("causal-lm", folder, packing=True, unpredicted=["N", "[SEP]"])
    model = small_mamba()
    found = objective.loss(model, objective.collate([data.train[0]]))
    assert float(found.total.detach()) == 0 and float(found.weight) == 0
    found.total.backward()


def test_hidden_tokens_are_letters_and_their_labels_the_truth(reads: Path) -> None:
    objective, data = build("masked-lm", reads, packing=True, length=64, reverse_complement=0)
    plain = build("causal-lm", reads, packing=True, length=64)[1]
    chosen = total = masked = 0
    for epoch in range(20):
        data.train.set_epoch(epoch)
        plain.train.set_epoch(epoch)
        for index in range(len(data.train)):
            example, truth = data.train[index], plain.train[index]["input_ids"]
            labels, ids = example["labels"], example["input_ids"]
            told = labels != -100
            np.testing.assert_array_equal(labels[told], truth[told])
            np.testing.assert_array_equal(ids[~told], truth[~told])
            assert set(truth[told]) <= {7, 8, 9, 10}
            chosen, total = chosen + told.sum(), total + np.isin(truth, [7, 8, 9, 10]).sum()
            masked += (ids[told] == DNA.mask_id).sum()
    assert chosen / total == pytest.approx(0.15, abs=0.01)
    assert masked / chosen == pytest.approx(0.8 + 0.1 / 12, abs=0.03)
    batch = batch_of(objective, data.train)
    oracle = Oracle(len(DNA))
    oracle.answers = batch["labels"].clamp(min=0)
    assert float(objective.loss(oracle, batch).total) == 0


def test_half_of_the_training_examples_are_the_other_strand(tmp_path: Path) -> None:
    texts = ["AACCC", "AAAAGN", "ACACC"]
    folder = write_shards(tmp_path / "s", DNA, texts)
    settings = {"probability": 1e-9, "packing": True, "length": 100}
    _, data = build("masked-lm", folder, **settings)
    flipped = 0
    for epoch in range(200):
        data.train.set_epoch(epoch)
        example = data.train[0]
        own = np.split(example["input_ids"], np.flatnonzero(np.diff(example["seq_idx"])) + 1)
        found = "".join(sorted(DNA.decode(part) for part in own if len(part) in (6, 7)))
        # The document that the epoch begins in is cut in two.
        forward = sum(text in found for text in ("AACCC[SEP]", "AAAAGN[SEP]", "ACACC[SEP]"))
        backward = sum(text in found for text in ("GGGTT[SEP]", "NCTTTT[SEP]", "GGTGT[SEP]"))
        assert (forward == 0) != (backward == 0)
        flipped += backward > 0
    assert 70 < flipped < 130
    assert DNA.decode(data.validation[0]["input_ids"]) == "AACCC[SEP]AAAAGN[SEP]ACACC[SEP]"


def test_masked_models_train_on_packed_documents(reads: Path) -> None:
    objective, data = build("masked-lm", reads, packing=True)
    batch = batch_of(objective, data.train)
    assert "seq_idx" in batch
    config = BioXLSTMConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_heads=2,
        bidirectional="sum",
        **objective.model_options(DNA),
    )
    model = BioXLSTMForMaskedLM(config)
    found = objective.loss(model, batch)
    own = model(**batch).loss
    torch.testing.assert_close(found.total, own)
    assert int(found.weight) == objective.weight(batch) == int((batch["labels"] != -100).sum())


def test_two_strand_models_keep_packed_documents_apart(reads: Path) -> None:
    objective, data = build("masked-lm", reads, packing=True)
    batch = batch_of(objective, data.train)
    options = objective.model_options(DNA)
    torch.manual_seed(0)
    config = BioMambaConfig(
        hidden_size=16, num_hidden_layers=2, state_size=4, bidirectional="add", rcps=True, **options
    )
    model = BioMambaForMaskedLM(config).eval()
    first = batch["seq_idx"] == 0
    changed = batch | {"input_ids": torch.where(first, 7, batch["input_ids"])}
    with torch.no_grad():
        before = model(**model_inputs(model, batch)).logits
        after = model(**model_inputs(model, changed)).logits
    torch.testing.assert_close(before[~first], after[~first])
    assert float((before - after)[first].abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["causal-lm", "masked-lm"])
def test_files_of_sequences_serve_as_data(name: str, tmp_path: Path) -> None:
    path = tmp_path / "two.fa"
    path.write_text(">a\nACGTACGTAC\n>b\nGGTTGG\n", encoding="utf-8")
    objective, data = build(name, path, packing=False)
    assert sorted(len(data.train[index]["input_ids"]) for index in range(2)) == [7, 11]
    assert objective.data_tokenizer() is None
    assert len(objective.manifest()["train"]["sha256"]) == 64
    smiles = tmp_path / "two.smi"
    smiles.write_text("CCO ethanol\nC\n", encoding="utf-8")
    _, data = build(name, smiles, tokenizer=SmilesTokenizer(), packing=False)
    assert sorted(len(data.validation[index]["input_ids"]) for index in range(2)) == [3, 5]


MODULE = """
from biosequence.training.objectives import CausalLM, Losses, model_inputs, next_token_losses

class Scaled(CausalLM):
    name = "scaled"

    def loss(self, model, batch):
        logits = model(**model_inputs(model, batch)).logits
        tokens = next_token_losses(logits, batch["labels"])
        scale = logits[batch["labels"] != -100].logsumexp(-1).square().mean()
        parts = {"tokens": tokens.total.detach(), "scale": scale.detach()}
        return Losses(tokens.total + 0.5 * scale, parts, tokens.weight)
"""


def test_an_objective_of_two_losses_from_elsewhere(
    reads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebodys_objective.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    register_objective("scaled", "somebodys_objective:Scaled")
    register_objective("scaled", "somebodys_objective:Scaled")
    with pytest.raises(UsageError, match="taken"):
        register_objective("scaled", "other:Class")
    objective, data = build("scaled", reads, packing=True)
    assert objective_names().count("scaled") == 1
    found = objective.loss(small_mamba(), batch_of(objective, data.train))
    wanted = found.parts["tokens"] + 0.5 * found.parts["scale"]
    torch.testing.assert_close(found.total.detach(), wanted)
    found.total.backward()


@pytest.mark.parametrize("name", ["causal-lm", "masked-lm"])
def test_loader_processes_give_the_same_batches(name: str, reads: Path) -> None:
    from torch.utils.data import DataLoader

    objective, data = build(name, reads, packing=True)
    data.train.set_epoch(2)
    loader = DataLoader(data.train, batch_size=4, num_workers=1, collate_fn=objective.collate)
    for number, batch in enumerate(loader):
        count = min(4, len(data.train) - 4 * number)
        same(batch, objective.collate([data.train[4 * number + k] for k in range(count)]))


def test_packing_follows_the_documents_unless_told(reads: Path) -> None:
    assert isinstance(build("causal-lm", reads, length=16)[1].train, PackedWindows)
    assert isinstance(build("causal-lm", reads, length=64)[1].train, DocumentRows)
    assert isinstance(build("causal-lm", reads, length=64, packing=True)[1].train, PackedWindows)


def test_what_the_model_and_the_run_are_told(reads: Path) -> None:
    objective, _ = build("causal-lm", reads)
    options = objective.model_options(DNA)
    assert options["vocab_size"] == 12 and options["pad_token_id"] == 4
    assert options["complement_map"][7] == 10
    manifest = objective.manifest()
    assert len(manifest["train"]["sha256"]) == 64
    assert manifest["train"]["documents"] == 30
    assert objective.data_tokenizer().vocabulary == DNA.vocabulary


@pytest.mark.parametrize(
    ("settings", "data", "words"),
    [
        ({"name": "causal"}, {"train": "x"}, "causal-lm"),
        ({}, {"train": "x"}, "no name"),
        ({"name": "causal-lm", "packin": True}, {"train": "x"}, "packing"),
        ({"name": "causal-lm", "packing": "yes"}, {"train": "x"}, "true or false"),
        ({"name": "causal-lm"}, {"trian": "x"}, "train"),
        ({"name": "causal-lm"}, {}, "missing"),
        ({"name": "masked-lm", "probability": 2}, {"train": "x"}, "0 to 1"),
        ({"name": "masked-lm", "probability": 0}, {"train": "x"}, "hides nothing"),
        ({"name": "masked-lm", "masked_share": 0.95}, {"train": "x"}, "at most 1"),
        ({"name": "masked-lm", "random_from": "some"}, {"train": "x"}, "letters"),
        ({"name": "causal-lm", "unpredicted": [3]}, {"train": "x"}, "a list"),
    ],
)
def test_wrong_keys_are_refused_with_the_nearest(settings, data, words) -> None:
    with pytest.raises(UsageError) as caught:
        objective_from_settings(settings, data)
    assert words in str(caught.value)


def test_data_that_do_not_fit_are_refused(reads: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tokenizer"):
        build("causal-lm", reads, tokenizer=ProteinTokenizer())
    with pytest.raises(UsageError, match="nothing to predict"):
        build("causal-lm", reads, length=1)
    proteins = write_shards(tmp_path / "p", ProteinTokenizer(), ["MKT"])
    with pytest.raises(UsageError, match="complements"):
        build("masked-lm", proteins, tokenizer=ProteinTokenizer(), reverse_complement=0.5)


def test_real_molecules_are_read_whole(shared: Path, tmp_path: Path) -> None:
    from itertools import islice

    from biosequence.io import read_smiles

    smiles = SmilesTokenizer()
    path = shared / "data/seq/smiles_canonical.csv.gz"
    texts = [record.sequence for record in islice(read_smiles(path), 500)]
    folder = write_shards(tmp_path / "s", smiles, texts)
    objective, data = build("causal-lm", folder, tokenizer=smiles, length=512)
    assert isinstance(data.train, DocumentRows)
    found = smiles.decode_batch(data.train[index]["input_ids"] for index in range(len(data.train)))
    assert sorted(found) == sorted(texts)
    batch = batch_of(objective, data.train, 8)
    assert float(batch["attention_mask"].float().mean()) > 0.9
