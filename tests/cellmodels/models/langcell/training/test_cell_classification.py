"""Fine-tuning on labels of a file of cells, from the command line and piece by piece."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from bioseq_cli.main import main

from biosequence.errors import InputError, UsageError
from biosequence.training import read_metrics
from biosequence.training.objectives import DataSettings
from cellmodels.models.langcell.training import CellClassification, CellClassificationSettings

from .pseudo_cells import TYPES, processor, pseudo_cells


@pytest.fixture
def pretrained(learnt: Path) -> Path:
    return learnt / "model"


@pytest.fixture
def call(place: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return (ended.value.code, *capfd.readouterr())

    return run


def objective(path: Path, **settings) -> CellClassification:
    chosen = CellClassificationSettings(**{"label": "cell_type", **settings})
    return CellClassification(chosen, DataSettings(train=str(path)))


def write(path: Path, adata) -> Path:
    adata.write_h5ad(path)
    return path


def test_the_command_learns_the_labels_of_a_file(call, pretrained: Path) -> None:
    code, out, err = call(
        *("finetune", pretrained, "cells.h5ad", "--task", "cell-classification"),
        *("--label-key", "cell_type", "-o", "ce", "--steps", 30, "--learning-rate", 2e-3),
        *("--set", "run.log_every=1", "--device", "cpu", "--json"),
    )
    assert (code, err) == (0, ""), err
    assert json.loads(out)["steps"] == 30
    lines = list(read_metrics(Path("ce")))
    watched = [line["validation_parts"]["accuracy"] for line in lines if "validation_loss" in line]
    assert watched[-1] > 0.9
    from transformers import AutoModelForSequenceClassification

    from cellmodels.models.langcell.processing_langcell import LangCellProcessor

    model = AutoModelForSequenceClassification.from_pretrained("ce/model").eval()
    assert list(model.config.label2id) == sorted(TYPES)
    read, adata = LangCellProcessor.load("ce/model"), pseudo_cells(per_type=10, seed=4)
    cells = read.genes.pad(list(read.genes.bind(list(adata.var_names))(adata.X)), tensors="torch")
    with torch.no_grad():
        chosen = model(**cells).logits.argmax(1).tolist()
    named = [model.config.id2label[number] for number in chosen]
    assert np.mean(np.array(named) == adata.obs["cell_type"].to_numpy()) > 0.9


def test_the_classifier_alone_can_be_trained(call, pretrained: Path) -> None:
    code, out, _ = call(
        *("finetune", pretrained, "cells.h5ad", "--task", "cell-classification"),
        *("--label", "cell_type", "-o", "few", "--steps", 2, "--device", "cpu", "--json"),
        *("--set", "objective.trained=classifier"),
    )
    assert code == 0
    assert json.loads(out)["parameters"] == 32 * 4 + 4
    from safetensors.torch import load_file

    before = load_file(pretrained / "model.safetensors")
    after = load_file("few/model/model.safetensors")
    towers = [name for name in after if name.startswith("cell_tower.")]
    assert len(towers) > 20
    assert all(torch.equal(after[name], before[name]) for name in towers)
    assert float(after["classifier.bias"].abs().max()) > 0


def test_adapters_go_into_the_cell_tower(call, pretrained: Path) -> None:
    code, out, err = call(
        *("finetune", pretrained, "cells.h5ad", "--task", "cell-classification"),
        *("--label-key", "cell_type", "-o", "lora", "--steps", 3, "--device", "cpu", "--json"),
        *("--lora", 2, "--set", "run.log_every=1"),
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["parameters"] < 3000
    from safetensors.torch import load_file

    before = load_file(pretrained / "model.safetensors")
    after = load_file("lora/model/model.safetensors")
    moved = {
        name for name in after if name in before and not torch.equal(after[name], before[name])
    }
    assert moved and all(".layer." in name and name.endswith("weight") for name in moved)


def test_a_column_that_is_not_there_is_three_lines(call, pretrained: Path) -> None:
    code, out, err = call(
        *("finetune", pretrained, "cells.h5ad", "--task", "cell-classification"),
        *("--label-key", "celltype", "-o", "none"),
    )
    assert (code, out) == (3, "")
    assert "no column 'celltype'" in err and "cell_type, donor" in err
    assert not Path("none").exists()


def test_rare_labels_are_left_out_with_a_warning(tmp_path: Path) -> None:
    adata = pseudo_cells(per_type=20)
    labels = adata.obs["cell_type"].astype(object).to_numpy()
    labels[:4], labels[4], labels[5] = "rare", None, " "
    adata.obs["cell_type"] = labels
    made = objective(write(tmp_path / "cells.h5ad", adata), validation_fraction=0.0)
    with pytest.warns(UserWarning, match="fewer than 10 training cells are left out: 'rare'"):
        train, validation = made.cells()
    assert validation is None
    assert Counter(train.labels) == {"B cell": 14, "T cell": 20, "monocyte": 20, "platelet": 20}
    assert list(made.label_options()["label2id"]) == sorted(TYPES)
    data = made.datasets(processor(), 64, 0)
    assert len(data.train) == 74 and data.validation is None


def test_whole_donors_are_held_out(corpora: Path) -> None:
    made = objective(corpora / "cells.h5ad", group="donor", validation_fraction=0.4)
    train, validation = made.cells()
    donors = pseudo_cells().obs["donor"].to_numpy()
    held, kept = set(donors[validation.rows]), set(donors[train.rows])
    assert len(held) == 2 and not held & kept
    assert len(train) + len(validation) == 200
    again = objective(corpora / "cells.h5ad", group="donor", validation_fraction=0.4)
    np.testing.assert_array_equal(again.cells()[1].rows, validation.rows)


def test_a_file_of_its_own_is_watched(corpora: Path, tmp_path: Path) -> None:
    other = pseudo_cells(per_type=6, seed=2)
    other.obs["cell_type"] = other.obs["cell_type"].cat.rename_categories({"platelet": "unseen"})
    chosen = CellClassificationSettings(label="cell_type")
    paths = DataSettings(
        train=str(corpora / "cells.h5ad"), validation=str(write(tmp_path / "v.h5ad", other))
    )
    made = CellClassification(chosen, paths)
    with pytest.warns(UserWarning, match="no training cell has are left out: 'unseen'"):
        train, validation = made.cells()
    assert (len(train), len(validation)) == (200, 18)
    assert made.manifest()["validation"]["cells"] == 18


def test_examples_bear_the_label_of_their_row(corpora: Path, tmp_path: Path) -> None:
    adata = pseudo_cells()
    adata.X[7] = 0
    adata.X.eliminate_zeros()
    made = objective(write(tmp_path / "cells.h5ad", adata), validation_fraction=0.3)
    read = processor()
    data = made.datasets(read, 50, 0)
    assert len(data.train) + len(data.validation) == 199
    ranks = read.genes.bind(list(adata.var_names))(adata.X)
    names = sorted(TYPES)
    by_ids = {
        tuple(ranks[number][:50].tolist()): label
        for number, label in enumerate(adata.obs["cell_type"])
    }
    for part in (data.train, data.validation):
        for number in range(len(part)):
            example = part[number]
            assert by_ids[tuple(example["input_ids"].tolist())] == names[example["labels"]]


def test_one_label_is_refused(tmp_path: Path) -> None:
    adata = pseudo_cells(per_type=20)[:20]
    with pytest.raises(InputError, match="two are needed"):
        objective(write(tmp_path / "one.h5ad", adata.copy())).cells()


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves nothing to train on"):
        CellClassificationSettings(label="x", validation_fraction=1.0)


def test_common_labels_bring_no_warning(corpora: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective(corpora / "cells.h5ad").cells()
