"""The small LangCell's recipe: its cells, what is kept from it, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bioseq_recipes.default_model.heldout import fold_of
from bioseq_recipes.default_model.library import CellSet
from bioseq_recipes.default_model.references import References
from bioseq_recipes.langcell.__main__ import train_model
from bioseq_recipes.langcell.cells import Amounts, Draws, write_corpora
from bioseq_recipes.langcell.holdout import held_types, is_held
from bioseq_recipes.langcell.sources import FOLDS, Sources, without_fold, without_held_types
from bioseq_recipes.langcell.texts import text_variants
from bioseq_recipes.langcell.wordpieces import train_tokenizer
from scipy import sparse

from biosequence.training.data import TokenShards
from cellmodels.knowledge import MarkerRow
from cellmodels.models.langcell.folder import LangCellFolder
from cellmodels.models.langcell.texts import identity_text
from cellmodels.models.langcell.training.texts import read_texts
from cellmodels.models.langcell.zero_shot import ZeroShot

TYPES = ("CL:0000236", "CL:0000182", "CL:0000057")  # B cell, hepatocyte, fibroblast
OWN, COMMON = 15, 75
GENES = np.array(
    [f"{term[-3:]}_{i}" for term in TYPES for i in range(OWN)]
    + [f"COMMON_{i}" for i in range(COMMON)],
    dtype=object,
)
FEW = Amounts(pool=512, pools=1, shows=2, validation=128)


def toy(*more: str) -> Sources:
    """Three clearly different types in two studies; more types look like the first."""
    rng = np.random.default_rng(1)
    common = rng.lognormal(3.5, 1.0, COMMON)
    linear, table = [], []
    for dataset in ("study1", "study2"):
        for number, term in enumerate((*TYPES, *more)):
            profile = np.concatenate([np.zeros(OWN * len(TYPES)), common])
            first = number % len(TYPES) * OWN
            profile[first : first + OWN] = rng.lognormal(5.0, 0.5, OWN)
            linear.append(profile / profile.sum() * 1e4)
            table.append((term, "human", "Liver", dataset, "toy", False))
    columns = ["cl_id", "organism", "tissue", "dataset", "label", "log_like"]
    references = References(
        np.array(linear, np.float32), GENES, pd.DataFrame(table, columns=columns)
    )
    rows = tuple(
        MarkerRow(term, "toy", "human", ("any",), tuple(GENES[:6]), ()) for term in (*TYPES, *more)
    )
    counts = sparse.csr_matrix(np.ones((4, len(GENES)), np.float32))
    present = np.ones(len(GENES), bool)
    cells = tuple(
        CellSet(name, counts, np.array([TYPES[0], *(more or TYPES)[:3]] * 2)[:4], "human", present)
        for name in ("one", "two", "three")
    )
    return Sources(references, cells, rows, GENES, tuple(sorted({*TYPES, *more})))


def words():
    texts = [text for term in TYPES for text in text_variants(term, np.random.default_rng(0), 20)]
    return train_tokenizer([*texts, *map(identity_text, TYPES)], vocabulary=400)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("langcell")
    write_corpora(
        folder / "corpora",
        toy(),
        words(),
        lambda term, rng: text_variants(term, rng, 6),
        FEW,
        max_length=64,
    )
    return folder


def test_cells_are_written_once_for_every_show(corpora: Path) -> None:
    train = TokenShards.open(corpora / "corpora" / "train")
    assert 0.95 * FEW.pool * FEW.shows < len(train) <= FEW.pool * FEW.shows
    assert len(TokenShards.open(corpora / "corpora" / "validation")) <= FEW.validation


def test_a_cell_has_the_texts_of_its_type_and_the_genes_of_its_type(corpora: Path) -> None:
    train = TokenShards.open(corpora / "corpora" / "train")
    groups = read_texts(corpora / "corpora" / "train")
    tokens = train.tokenizer().vocabulary.tokens
    assert {group.ontology_id for group in groups} >= set(TYPES)
    own = dict.fromkeys(TYPES, 0)
    seen = dict.fromkeys(TYPES, 0)
    for number, ids in enumerate(train):
        term = groups[train.groups[number]].ontology_id
        assert tokens[ids[0]] == "<cls>"
        genes = [tokens[one] for one in ids[1:]]
        marks = [gene for gene in genes if not gene.startswith("COMMON")]
        own[term] += sum(gene.startswith(f"{term[-3:]}_") for gene in marks)
        seen[term] += len(marks)
    # Ambient RNA brings some genes of the neighbours.
    assert all(own[term] > 0.5 * seen[term] > 0 for term in TYPES)


def test_the_same_seed_draws_the_same_cells_and_every_show_hides_other_genes() -> None:
    first, again = (list(Draws(toy(), FEW, 0).training()) for _ in range(2))
    other = next(Draws(toy(), FEW, 1).training())
    for (a, i), (b, j) in zip(first, again, strict=True):
        assert (a != b).nnz == 0
        assert np.array_equal(i, j)
    assert (first[0][0] != other[0]).nnz > 0
    assert np.array_equal(first[0][1], first[1][1])
    assert (first[0][0] != first[1][0]).nnz > 0


def test_a_fold_takes_its_data_sets_and_every_third_file_of_cells_along() -> None:
    sources = toy()
    for fold in range(FOLDS):
        left = without_fold(sources, fold)
        assert all(fold_of(name, FOLDS) != fold for name in left.references.obs["dataset"])
        assert len(left.references.linear_RG) == len(left.references.obs)
        assert len(left.cells) == 2


def test_nothing_is_left_of_a_held_type() -> None:
    held = sorted(held_types())[0]
    left = without_held_types(toy(held))
    labels = [*left.references.obs["cl_id"], *left.classes, *(row.cl_id for row in left.rows)]
    labels += [label for one in left.cells for label in one.cl_id]
    assert set(labels) == set(TYPES)
    assert not any(map(is_held, labels))
    assert all(one.counts.shape[0] == len(one.cl_id) for one in left.cells)


def test_a_short_training_tells_three_types_apart(corpora: Path) -> None:
    summary = train_model(
        corpora,
        (
            "run.steps=60",
            "run.batch_size=64",
            "schedule.warmup_steps=5",
            "optimizer.learning_rate=5e-3",
            "objective.matching=0",
            "run.evaluate_every=60",
            "run.save_every=60",
            "model.config.cell_config.hidden_size=32",
            "model.config.text_config.hidden_size=32",
        ),
    )
    assert summary.steps == 60
    folder = LangCellFolder.open(corpora / "run" / "model")
    asked = ZeroShot(
        folder.model(), folder.processor(), [identity_text(term) for term in TYPES], device="cpu"
    )
    cells = TokenShards.open(corpora / "corpora" / "validation")
    groups = read_texts(corpora / "corpora" / "validation")
    truth = np.array([groups[number].ontology_id for number in cells.groups])
    similarity = asked.embed(list(cells)) @ asked.text_embedding_NP.cpu().numpy().T
    found = np.array(TYPES)[similarity.argmax(axis=1)]
    known = np.isin(truth, TYPES)
    assert (found == truth)[known].mean() > 0.8
