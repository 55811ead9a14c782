"""Training on a few cells of each label, and the pieces of naming without training."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import torch

import cellmodels as cm
from biosequence.errors import InputError, UsageError
from biosequence.training import read_metrics
from biosequence.training.objectives import DataSettings
from cellmodels.models.langcell.few_shot import class_probabilities, few_examples, prototypes
from cellmodels.models.langcell.folder import LangCellFolder
from cellmodels.models.langcell.training import (
    CellIdentification,
    CellLabelSettings,
    train_few_shot,
)
from cellmodels.models.langcell.training.identification import text_of_words

from .....tiny_langcell import TYPES


@pytest.fixture
def cells(liver_sample) -> ad.AnnData:
    """Cells whose labels say of each type what is true of another."""
    found = liver_sample(num_cells=150, num_genes=600, seed=1)
    names = list(TYPES)
    found.obs["other"] = found.obs["truth"].map(
        dict(zip(names, names[3:] + names[:3], strict=True))
    )
    return found


def right(cells: ad.AnnData, model: Path, held: np.ndarray) -> float:
    found = cm.tl.describe(cells[held].copy(), list(TYPES), model=model, top=1)
    return float((found["ontology_term_id"] == list(cells.obs["other"][held].map(TYPES))).mean())


def test_training_on_five_cells_of_each_beats_zero_shot_on_held_cells(
    cells: ad.AnnData, tiny_langcell: Path, tmp_path: Path
) -> None:
    before = cells.copy()
    folder = train_few_shot(
        cells,
        "other",
        5,
        tiny_langcell,
        tmp_path / "few",
        steps=40,
        learning_rate=3e-3,
        device="cpu",
    )
    examples = ad.read_h5ad(tmp_path / "few" / "examples.h5ad")
    assert examples.obs["other"].value_counts().eq(5).all() and list(examples.obs) == ["other"]
    held = ~cells.obs_names.isin(examples.obs_names)
    assert held.sum() == 120
    assert right(cells, tiny_langcell, held) < 0.2
    assert right(cells, folder, held) > 0.5
    assert cells.obs.equals(before.obs) and (cells.X != before.X).nnz == 0
    # It is a model like the one before.
    cm.tl.embed(cells, model=folder)
    cm.tl.annotate(cells, model=folder, candidates=["B cell", "T cell"], key_added="named")
    assert cells.obsm["X_bioseq"].shape == (150, 16)


def test_the_defaults_are_ten_passes_of_twelve_cells_with_both_losses(
    cells: ad.AnnData, tiny_langcell: Path, tmp_path: Path
) -> None:
    train_few_shot(cells, "truth", 1, tiny_langcell, tmp_path / "few", device="cpu")
    (last,) = [line for line in read_metrics(tmp_path / "few" / "run") if "loss" in line][-1:]
    assert last["step"] == 10
    assert last["lr"] == pytest.approx(1e-5)
    assert set(last["parts"]) == {"accuracy", "matching", "similarity"}


def test_the_losses_are_the_published_ones(
    cells: ad.AnnData, tiny_langcell: Path, tmp_path: Path
) -> None:
    cells[:9].copy().write_h5ad(tmp_path / "nine.h5ad")
    settings = CellLabelSettings(label="truth", min_cells=1, validation_fraction=0.0)
    objective = CellIdentification(settings, DataSettings(train=str(tmp_path / "nine.h5ad")))
    folder = LangCellFolder.open(tiny_langcell)
    processor = folder.processor()
    from cellmodels.models.langcell import LangCellForPreTraining

    model = LangCellForPreTraining.from_pretrained(tiny_langcell).eval()
    train = objective.datasets(processor, 48, 0).train
    batch = objective.collate([train[0], train[4], train[7]])
    with torch.no_grad():
        losses = objective.loss(model, batch)
        labels = sorted(set(cells.obs["truth"][:9]))
        texts = processor.texts([text_of_words(label) for label in labels])
        by_similarity = by_match = 0.0
        for row in range(3):
            ids, mask = batch["input_ids"][row : row + 1], batch["attention_mask"][row : row + 1]
            cell = model.encode_cells(ids, mask)
            points = model.encode_texts(**texts).embedding
            match = torch.stack(
                [
                    model.match(one[None], kept[None], cell.hidden, mask)[0].softmax(-1)[1]
                    for one, kept in zip(*texts.values(), strict=True)
                ]
            )
            label = batch["labels"][row]
            cosine = cell.embedding @ points.T
            by_similarity -= (cosine / model.temperature)[0].log_softmax(-1)[label] / 3
            by_match -= match.log_softmax(-1)[label] / 3
    assert losses.parts["similarity"] == pytest.approx(float(by_similarity), abs=1e-5)
    assert losses.parts["matching"] == pytest.approx(float(by_match), abs=1e-5)
    assert losses.total == pytest.approx(float(by_similarity + by_match), abs=1e-5)


def test_bad_input_leaves_nothing_behind(
    cells: ad.AnnData, tiny_langcell: Path, tmp_path: Path
) -> None:
    cells.obs["one"] = "B cell"
    for error, said, given in (
        (InputError, "no column", ("celltype", 5)),
        (InputError, "fewer than two", ("one", 5)),
        (UsageError, "at least 1", ("truth", 0)),
    ):
        with pytest.raises(error, match=said):
            train_few_shot(cells, *given, tiny_langcell, tmp_path / "few")
    assert not (tmp_path / "few").exists()
    negative = cells.copy()
    negative.X.data[::2] *= -1
    with pytest.raises(InputError):
        train_few_shot(negative, "truth", 1, tiny_langcell, tmp_path / "few")
    assert not (tmp_path / "few").exists()
    (tmp_path / "mine").write_text("kept")
    for output in (tmp_path, tmp_path / "mine"):
        with pytest.raises(InputError, match="new or empty folder"):
            train_few_shot(cells, "truth", 1, tiny_langcell, output)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_examples_are_seeded_and_of_every_label() -> None:
    labels = np.array(["a", "b", "", "a", "b", "a", "c"], dtype=object)
    found = few_examples(labels, 2, seed=3)
    assert sorted(labels[found]) == ["a", "a", "b", "b", "c"]
    assert np.array_equal(found, few_examples(labels, 2, seed=3))
    different = {tuple(few_examples(labels, 2, seed=seed)) for seed in range(9)}
    assert len(different) == 3
    assert len(few_examples(np.array(["", ""], dtype=object), 2)) == 0


def test_prototypes_lie_between_text_and_examples() -> None:
    texts = np.eye(3)
    examples = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    half = prototypes(texts, examples, np.array([0, 0]), 0.5)
    middle = np.array([1.0, 0.5**0.5, 0.5**0.5])
    np.testing.assert_allclose(half[0], middle / 2**0.5, atol=1e-6)
    assert np.array_equal(half[1:], texts[1:])
    assert np.array_equal(prototypes(texts, examples, np.array([0, 0]), 1.0), texts)
    p = class_probabilities(texts[:1], half, temperature=0.5)
    expected = np.exp(half[:, 0] / 0.5)
    np.testing.assert_allclose(p[0], expected / expected.sum(), atol=1e-6)
