"""The objective: its losses on a model, against the same written cell by cell."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch

from biosequence.errors import ModelError, UsageError
from biosequence.training.objectives import DataSettings, Objective, objective_from_settings
from cellmodels.models.langcell import LangCellConfig, LangCellForPreTraining
from cellmodels.models.langcell.training import LangCellObjective, LangCellSettings
from cellmodels.models.langcell.training.settings import LOSSES
from cellmodels.models.langcell.training.step import pretraining_losses
from cellmodels.models.langcell.training.texts import CellText, identities, relations

from .pseudo_cells import TINY, processor

SIZE = 12


def settings(*on: str, **changes) -> LangCellSettings:
    """Weight 1 for the losses that are named."""
    weights = {name: float(name in on) for name in LOSSES}
    return LangCellSettings(**{**weights, "views": "genes", **changes})


def objective(corpora: Path, chosen: LangCellSettings, corpus: str = "corpus") -> LangCellObjective:
    return LangCellObjective(chosen, DataSettings(train=str(corpora / corpus)))


def batch_of(corpora: Path, chosen: LangCellSettings, numbers=range(SIZE)):
    made = objective(corpora, chosen)
    train = made.datasets(processor(), 64, 0).train
    return made, made.collate([train[number] for number in numbers])


@pytest.fixture(scope="module")
def model() -> LangCellForPreTraining:
    read = processor()
    torch.manual_seed(0)
    config = LangCellConfig(
        cell_config={
            "model_type": "bert",
            "vocab_size": len(read),
            "initializer_range": 0.3,
            **TINY,
        },
        text_config={"vocab_size": len(read.text), "initializer_range": 0.3, **TINY},
        projection_dim=8,
        initializer_range=0.3,
        learn_temperature=True,
    )
    return LangCellForPreTraining(config)


def softmax_loss(scores: list[torch.Tensor], chosen: list[int]) -> torch.Tensor:
    return -torch.stack(scores).log_softmax(0)[chosen].mean()


def test_it_is_an_objective_that_recipes_know_by_name(corpora: Path) -> None:
    found = objective_from_settings(
        {"name": "langcell", "matching": 0.5}, {"train": str(corpora / "corpus")}
    )
    assert isinstance(found, LangCellObjective)
    assert isinstance(found, Objective)
    assert found.settings.matching == 0.5


def test_masked_genes_are_the_mean_over_all_that_is_hidden(model, corpora: Path) -> None:
    made, batch = batch_of(corpora, settings("masked_genes"))
    found = made.loss(model, batch)
    losses = []
    for row in range(SIZE):
        own = {name: batch[name][row : row + 1] for name in ("masked_ids", "attention_mask")}
        hidden = model.encode_cells(own["masked_ids"], own["attention_mask"]).hidden
        logits = model.masked_gene_logits(hidden)[0]
        for place, label in enumerate(batch["labels"][row].tolist()):
            if label != -100:
                losses.append(-logits[place].log_softmax(-1)[label])
    assert float(found.total.detach()) == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)
    assert int(found.part_weights["masked_genes"]) == len(losses)
    assert made.weight(batch) == found.weight == SIZE


def test_another_cell_of_one_identity_is_no_negative(model, corpora: Path) -> None:
    chosen = settings("cell_cell", "cell_text", cell_temperature=0.2)
    made, batch = batch_of(corpora, chosen)
    parts = made.loss(model, batch).parts
    identity = batch["identity"].tolist()
    assert len(set(identity)) < SIZE
    cells = model.encode_cells(batch["input_ids"], batch["attention_mask"]).embedding
    views = model.encode_cells(batch["view_ids"], batch["view_mask"]).embedding
    texts = model.encode_texts(batch["text_ids"], batch["text_mask"]).embedding
    cell_cell, cell_text = [], []
    for i in range(SIZE):
        others = [j for j in range(SIZE) if j == i or identity[j] != identity[i]]
        friends = [j for j in range(SIZE) if identity[j] == identity[i]]
        for rows, columns in ((cells, views), (views, cells)):
            scores = [rows[i] @ columns[j] / 0.2 for j in others]
            cell_cell.append(softmax_loss(scores, [others.index(i)]))
        for rows, columns in ((cells, texts), (texts, cells)):
            scores = [rows[i] @ columns[j] / model.temperature for j in range(SIZE)]
            cell_text.append(softmax_loss(scores, friends))
    assert float(parts["cell_cell"]) == pytest.approx(
        float(torch.stack(cell_cell).mean()), rel=1e-4
    )
    assert float(parts["cell_text"]) == pytest.approx(
        float(torch.stack(cell_text).mean()), rel=1e-4
    )


def test_a_kind_and_its_kinds_are_neither_matches_nor_mismatches(model, corpora: Path) -> None:
    chosen = settings("cell_cell", "cell_text", "matching")
    _, batch = batch_of(corpora, chosen, range(2))
    terms = ("CL:0000084", "CL:0000898", "CL:0000236")  # T cell, naive T cell, B cell
    broad, naive, other = identities([CellText(one, (one,), one) for one in terms]).tolist()

    def found(*pair: int) -> dict[str, torch.Tensor]:
        batch["identity"] = torch.tensor(pair)
        return pretraining_losses(model, batch, chosen, torch.from_numpy(relations()))

    kin, strangers = found(broad, naive), found(broad, other)
    # Nothing is left to tell each of the two from.
    assert float(kin["cell_text"].detach()) == float(kin["cell_cell"].detach()) == 0.0
    assert int(kin["num_pairs"]) == 2
    assert float(strangers["cell_text"].detach()) > 0 < float(strangers["cell_cell"].detach())
    assert int(strangers["num_pairs"]) == 6
    unknown = found(len(relations()), len(relations()) + 1)
    assert int(unknown["num_pairs"]) == 6


@pytest.mark.parametrize("negatives", ["hard", "random"])
def test_wrong_pairs_are_of_other_identities(model, corpora: Path, negatives: str) -> None:
    made, batch = batch_of(corpora, settings("matching", negatives=negatives))
    seen = []
    inner = model.match

    def watched(text_ids, text_mask, hidden, mask):
        seen.append((text_ids, len(hidden)))
        return inner(text_ids, text_mask, hidden, mask)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "match", watched)
        part = made.loss(model, batch).parts["matching"]
    cells = model.encode_cells(batch["input_ids"], batch["attention_mask"])
    texts = model.encode_texts(batch["text_ids"], batch["text_mask"]).embedding
    similarity = cells.embedding @ texts.T / model.temperature
    losses, identity = [], batch["identity"].tolist()

    def pair(text: int, cell: int) -> torch.Tensor:
        logits = inner(
            batch["text_ids"][[text]],
            batch["text_mask"][[text]],
            cells.hidden[[cell]],
            batch["attention_mask"][[cell]],
        )
        return logits[0].log_softmax(-1)

    def drawn(scores: torch.Tensor, row: int, draw: float) -> int:
        others = [j for j in range(SIZE) if identity[j] != identity[row]]
        logits = scores[others] if negatives == "hard" else torch.zeros(len(others))
        total = 0.0
        for j, share in zip(others, logits.softmax(0).tolist(), strict=True):
            total += share
            if total > draw:
                return j
        return others[-1]

    for i in range(SIZE):
        other_text = drawn(similarity[i], i, float(batch["draws"][i, 0]))
        other_cell = drawn(similarity[:, i], i, float(batch["draws"][i, 1]))
        assert torch.equal(seen[0][0][2 * i], batch["text_ids"][i])
        assert torch.equal(seen[0][0][2 * i + 1], batch["text_ids"][other_text])
        losses += [-pair(i, i)[1], -pair(other_text, i)[0], -pair(i, other_cell)[0]]
    assert float(part) == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


def test_the_total_is_the_weighted_sum_of_the_parts(model, corpora: Path) -> None:
    weights = {"masked_genes": 0.5, "cell_cell": 2.0, "cell_text": 3.0, "matching": 0.25}
    made, batch = batch_of(corpora, LangCellSettings(**weights, views="genes"))
    found = made.loss(model, batch)
    assert found.parts.keys() == weights.keys()
    wanted = sum(weights[name] * float(part) for name, part in found.parts.items())
    assert float(found.total.detach()) == pytest.approx(wanted, rel=1e-5)


def test_a_cell_that_is_twice_in_a_batch_counts_once(model, corpora: Path) -> None:
    chosen = dataclasses.replace(LangCellSettings(views="genes"), matching=0.0)
    made, batch = batch_of(corpora, chosen)
    _, twice = batch_of(corpora, chosen, [*range(SIZE), 3, 3])
    one, other = made.loss(model, batch), made.loss(model, twice)
    for name, part in one.parts.items():
        assert float(other.parts[name]) == pytest.approx(float(part), rel=1e-5)
    assert float(other.total.detach()) == pytest.approx(float(one.total.detach()), rel=1e-5)


def test_one_cell_alone_has_finite_losses(model, corpora: Path) -> None:
    made, batch = batch_of(corpora, LangCellSettings(), [5])
    found = made.loss(model, batch)
    found.total.backward()
    assert torch.isfinite(found.total)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    model.zero_grad()


@pytest.mark.parametrize(
    "on", [names for size in (1, 2, 4) for names in itertools.combinations(LOSSES, size)]
)
def test_what_no_loss_trains_is_frozen_and_nothing_else(model, corpora: Path, on) -> None:
    made, batch = batch_of(corpora, settings(*on))
    model.requires_grad_(True).zero_grad()
    found = pretraining_losses(model, batch, made.settings)
    assert {name for name in LOSSES if name in found} == set(on)
    sum(found[name] for name in on).backward()
    trained = {name for name, p in model.named_parameters() if p.grad is not None}
    made.prepare_model(model, processor())
    kept = {name for name, p in model.named_parameters() if p.requires_grad}
    model.requires_grad_(True).zero_grad()
    assert kept == trained


def test_losses_without_texts_need_none(model, corpora: Path) -> None:
    made = objective(corpora, settings("masked_genes", "cell_cell"), "cells")
    train = made.datasets(processor(), 64, 0).train
    batch = made.collate([train[number] for number in range(4)])
    assert not any(name.startswith("text") for name in batch)
    assert set(made.loss(model, batch).parts) == {"masked_genes", "cell_cell"}
    with pytest.raises(UsageError, match="no texts") as error:
        objective(corpora, LangCellSettings(), "cells").datasets(processor(), 64, 0)
    assert "cell_text = 0 and matching = 0" in error.value.fix


def test_dropout_alone_makes_views(model, corpora: Path) -> None:
    made, batch = batch_of(corpora, settings("cell_cell", views="dropout"))
    assert "view_ids" not in batch
    model.train()
    for module in model.cell_tower.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.3
    different = float(made.loss(model, batch).parts["cell_cell"])
    model.eval()
    same = float(made.loss(model, batch).parts["cell_cell"])
    assert different > same


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mask_rate": 0.0}, "mask_rate = 0.0"),
        ({"temperature": -1.0}, "temperature = -1.0"),
        ({"cell_text": -2.0}, "cell_text = -2.0"),
        (dict.fromkeys(LOSSES, 0.0), "All losses have the weight 0"),
    ],
)
def test_settings_that_are_not_possible_are_refused(changes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LangCellSettings(**changes)


def test_a_text_tower_with_fewer_tokens_is_refused(model, corpora: Path) -> None:
    read = processor()
    read.text.add_tokens(["another"])
    with pytest.raises(ModelError, match="text tower has"):
        objective(corpora, LangCellSettings()).prepare_model(model, read)
