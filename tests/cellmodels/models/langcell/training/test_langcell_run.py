"""Whole runs from a recipe: they learn, go on where they stopped, and refuse what cannot be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.training import load_recipe, read_metrics, recipe_from_values, recipe_text, train
from biosequence.training.objectives import objective_from_settings
from cellmodels.models import register_objectives

from .....biosequence.training.runs import curve, weights
from .pseudo_cells import TYPES, processor, pseudo_cells, recipe_values

DOCS = Path(__file__).parents[5] / "docs" / "engineer"


@pytest.fixture(autouse=True)
def _known() -> None:
    register_objectives()


def accuracy(model: Any, read: Any) -> float:
    """Of zero-shot names for cells that were not trained on."""
    adata = pseudo_cells(per_type=25, seed=9)
    rows = read.genes.bind(list(adata.var_names))(adata.X)
    cells = read.genes.pad(list(rows), tensors="torch")
    texts = read.texts([variants[0] for variants in TYPES.values()])
    with torch.no_grad():
        found = model.eval()(
            cells["input_ids"],
            cells["attention_mask"],
            texts["input_ids"],
            texts["attention_mask"],
        )
    truth = np.repeat(np.arange(len(TYPES)), 25)
    return float((found.similarity.argmax(1).numpy() == truth).mean())


def test_a_tiny_model_learns_to_name_cells_it_has_not_seen(learnt: Path) -> None:
    from transformers import AutoModelForPreTraining

    from cellmodels.models.langcell.processing_langcell import LangCellProcessor

    read = LangCellProcessor.load(learnt / "model")
    assert len(read) == len(processor())
    trained = AutoModelForPreTraining.from_pretrained(learnt / "model")
    torch.manual_seed(0)
    new = AutoModelForPreTraining.from_config(trained.config)
    assert accuracy(new, read) == pytest.approx(0.25, abs=0.1)
    assert accuracy(trained, read) > 0.9
    lines = [line for line in read_metrics(learnt) if "loss" in line]
    for name in ("masked_genes", "cell_cell", "cell_text"):
        assert lines[-1]["parts"][name] < lines[0]["parts"][name]


def test_a_run_that_stopped_goes_on_to_the_same_model(place: Path) -> None:
    data = {"validation": "validation"}
    recipe = recipe_from_values(recipe_values(data=data, run={"evaluate_every": 2}))
    train(recipe)
    whole = curve(place / "run"), weights(place / "run")
    shutil.rmtree("run/model")
    shutil.rmtree("run/checkpoints/checkpoint-6")
    train(recipe, resume=True)
    assert (curve(place / "run"), weights(place / "run")) == whole


def test_the_first_stage_reads_cells_and_the_second_goes_on_from_it(place: Path) -> None:
    off = {"cell_text": 0.0, "matching": 0.0, "views": "dropout"}
    first = recipe_values(data={"train": "cells"}, objective=off, run={"steps": 3})
    found = train(recipe_from_values(first))
    second = recipe_values(run={"steps": 2}, objective={"temperature": 0.1})
    second |= {"output": "second", "model": {"pretrained": str(found.model)}}
    second["model"]["config"] = {"cell_config": {"hidden_dropout_prob": 0.25}}
    train(recipe_from_values(second))
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained("second/model")
    assert config.cell_config.hidden_size == 32
    assert (config.cell_config.hidden_dropout_prob, config.temperature) == (0.25, 0.1)


def test_the_recipe_beside_the_page_is_right() -> None:
    recipe = load_recipe(DOCS / "langcell.toml")
    objective = objective_from_settings(
        {"name": recipe.objective.name, **recipe.objective.options}, {"train": recipe.data.train}
    )
    assert objective.settings.reads_texts
    assert recipe.model.type == "langcell"
    assert "langcell.toml" in (DOCS / "objectives.md").read_text(encoding="utf-8")


def test_the_command_knows_the_objective_by_itself(place: Path) -> None:
    recipe = recipe_from_values(recipe_values(objective={"mask_rat": 0.1}))
    Path("recipe.toml").write_text(recipe_text(recipe), encoding="utf-8")
    command = [sys.executable, "-m", "bioseq_cli", "train", "recipe.toml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "There is no key 'mask_rat'." in done.stderr
    assert "[objective] of langcell" in done.stderr


def test_a_corpus_of_other_genes_is_refused(place: Path) -> None:
    from biosequence.tokenizers import Vocabulary
    from cellmodels.models.langcell.processing_langcell import LangCellProcessor
    from cellmodels.tokenizers import GeneRankTokenizer

    read = processor()
    roles = {"pad": "<pad>", "mask": "<mask>", "cls": "<cls>"}
    tokens = tuple(reversed(read.genes.vocabulary.tokens))
    other = GeneRankTokenizer(
        Vocabulary(tokens, roles), read.genes.medians_V[::-1], id_kind="shared"
    )
    LangCellProcessor(other, read.text).save("other")
    values = recipe_values(tokenizer={"folder": "other"})
    with pytest.raises(InputError, match="shards were made with"):
        train(recipe_from_values(values))
    assert not Path("run").exists()


def test_an_unknown_key_is_named_with_the_nearest(place: Path) -> None:
    with pytest.raises(UsageError, match="no key 'mask_rat'") as error:
        train(recipe_from_values(recipe_values(objective={"mask_rat": 0.1})))
    assert "mask_rate" in error.value.fix
