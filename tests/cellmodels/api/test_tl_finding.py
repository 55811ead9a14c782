"""What `cm.tl` does with a LangCell model: embed, retrieve, describe and few-shot names."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import cellmodels as cm
from biosequence.errors import InputError, ModelError, UsageError

from ...tiny_langcell import FREE, TYPES

PER_TYPE = 15


@pytest.fixture
def cells(liver_sample) -> AnnData:
    """Fifteen cells of each of six types, which the model was not trained on."""
    return liver_sample(num_cells=6 * PER_TYPE, num_genes=600, seed=1)


def share(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(np.asarray(found) == np.asarray(truth)))


@pytest.mark.parametrize(
    ("query", "kind"),
    [("hepatocyte", "hepatocyte"), ("NK cells", "NK cell"), (FREE, "hepatocyte")],
)
def test_a_text_finds_its_cells(cells, tiny_langcell: Path, query: str, kind: str) -> None:
    cm.tl.retrieve(query, cells, model=tiny_langcell, top=PER_TYPE)
    found = cells.obs["bioseq_retrieved"]
    assert found.dtype == bool and found.sum() == PER_TYPE
    assert share(cells.obs["truth"][found], [kind] * PER_TYPE) > 0.7
    assert cells.obs["bioseq_retrieved_score"].dtype == np.float32
    assert sorted(cells.obs["bioseq_retrieved_rank"]) == list(range(1, len(cells) + 1))
    assert cells.uns["bioseq_retrieved"]["queries"].tolist() == [query]


def test_several_queries_are_each_as_if_alone(cells, tiny_langcell: Path) -> None:
    alone = cm.tl.retrieve("T cell", cells, model=tiny_langcell, copy=True)
    assert "bioseq_retrieved" not in cells.obs
    cm.tl.retrieve(["monocyte", "T cell"], cells, model=tiny_langcell)
    assert np.array_equal(
        cells.obs["bioseq_retrieved_2_score"], alone.obs["bioseq_retrieved_score"]
    )
    cm.tl.retrieve(["T cell"], cells, model=tiny_langcell)
    left = [name for name in cells.obs if name.startswith("bioseq_retrieved")]
    assert left == [f"bioseq_retrieved_1{end}" for end in ("", "_score", "_rank")]


def test_what_is_found_goes_into_a_file_and_comes_back(cells, tiny_langcell, tmp_path) -> None:
    cells.obs["mine"] = cells.obs["truth"].astype("category")
    cm.tl.retrieve(["monocyte", "T cell"], cells, model=tiny_langcell)
    cm.tl.few_shot(cells, "mine", 2, model=tiny_langcell)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    back = ad.read_h5ad(tmp_path / "cells.h5ad")
    # Versions of anndata differ in how they store the names of categories.
    pd.testing.assert_frame_equal(back.obs, cells.obs, check_dtype=False, check_categorical=False)
    assert back.uns["bioseq_retrieved"]["queries"].tolist() == ["monocyte", "T cell"]
    backed = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    cm.tl.retrieve("T cell", backed, model=tiny_langcell, key_added="again")
    one, other = backed.obs["again_score"], cells.obs["bioseq_retrieved_2_score"]
    assert np.array_equal(one, other)


def test_an_embedding_that_is_there_can_be_taken(cells, tiny_langcell: Path) -> None:
    cm.tl.embed(cells, model=tiny_langcell)
    given = {"model": tiny_langcell, "use_rep": "X_bioseq"}
    cm.tl.retrieve("B cell", cells, rerank=0, **given)
    before = cells.obs["bioseq_retrieved_score"].to_numpy()
    # Turned around, the best cells are the worst.
    cells.obsm["X_bioseq"] *= -1
    cm.tl.retrieve("B cell", cells, rerank=0, **given)
    np.testing.assert_allclose(cells.obs["bioseq_retrieved_score"], -before, atol=1e-6)
    with pytest.raises(InputError, match="no embedding 'X_pca'"):
        cm.tl.retrieve("B cell", cells, model=tiny_langcell, use_rep="X_pca")
    cells.obsm["X_default"] = np.ones((len(cells), 3))
    with pytest.raises(InputError, match="3 columns and the model 16"):
        cm.tl.retrieve("B cell", cells, model=tiny_langcell, use_rep="X_default")


def test_embed_takes_a_langcell_folder_and_any_batch(cells, tiny_langcell: Path) -> None:
    cm.tl.embed(cells, model=tiny_langcell, key_added="a")
    cm.tl.embed(cells, model=tiny_langcell, key_added="b", batch_size=7)
    assert cells.obsm["X_a"].shape == (len(cells), 16)
    assert np.array_equal(cells.obsm["X_a"], cells.obsm["X_b"])
    cm.tl.annotate(cells, model=tiny_langcell, candidates=list(TYPES))
    assert np.array_equal(cells.obsm["X_a"], cells.obsm["X_bioseq"])


def test_embed_counts_empty_cells(cells, tiny_langcell: Path) -> None:
    cells.X = cells.X.multiply(np.arange(len(cells))[:, None] > 1).tocsr()
    with pytest.warns(UserWarning, match="2 cells have no gene"):
        cm.tl.embed(cells, model=tiny_langcell)
    assert not cells.obsm["X_bioseq"][:2].any() and cells.obsm["X_bioseq"][2:].any()


def test_cells_find_their_texts(cells, tiny_langcell: Path) -> None:
    kinds = cells.obs["truth"].map(TYPES)
    found = cm.tl.describe(cells, list(TYPES), model=tiny_langcell, top=2)
    assert list(found) == ["cell", "rank", "text", "ontology_term_id", "probability"]
    best = found[found["rank"] == 1].set_index("cell")
    assert best.index.equals(cells.obs_names)
    assert share(best["ontology_term_id"], kinds) > 0.8
    assert (found.groupby("cell")["probability"].sum() <= 1.0001).all()
    small = cm.tl.describe(cells, list(TYPES), model=tiny_langcell, top=2, batch_size=11)
    assert small.equals(found)


def test_groups_find_their_texts_and_one_may_be_free(cells, tiny_langcell: Path) -> None:
    cells.obs["group"] = cells.obs["truth"].where(cells.obs["truth"] != "T cell")
    texts = [*(set(TYPES) - {"hepatocyte"}), FREE]
    found = cm.tl.describe(cells, texts, model=tiny_langcell, groupby="group", top=1)
    assert found["group"].tolist() == sorted(set(TYPES) - {"T cell"})
    right = {kind: TYPES[kind] for kind in found["group"]} | {"hepatocyte": ""}
    assert dict(zip(found["group"], found["ontology_term_id"], strict=True)) == right
    assert found.set_index("group").loc["hepatocyte", "text"] == FREE


def test_without_texts_the_types_of_the_default_are_described(cells, tiny_langcell: Path) -> None:
    found = cm.tl.describe(cells[:3].copy(), model=tiny_langcell, top=4)
    assert len(found) == 12
    assert found["ontology_term_id"].str.startswith("CL:").all()


def test_cells_without_genes_have_no_description(cells, tiny_langcell: Path) -> None:
    cells.X = cells.X.multiply(np.arange(len(cells))[:, None] > 0).tocsr()
    with pytest.warns(UserWarning, match="1 cell has no gene"):
        found = cm.tl.describe(cells, list(TYPES), model=tiny_langcell, top=1)
    assert found["cell"].tolist() == cells.obs_names[1:].tolist()


def test_few_labelled_cells_teach_words_that_the_model_does_not_know(
    cells, tiny_langcell: Path
) -> None:
    words = dict(zip(TYPES, ["one", "two", "three", "four", "five", "six"], strict=True))
    cells.obs["mine"] = cells.obs["truth"].map(words)
    truth = cells.obs["mine"].copy()
    cells.obs["mine"] = truth.where(np.arange(len(cells)) < 48)
    cm.tl.few_shot(cells, "mine", 4, model=tiny_langcell)
    cm.tl.few_shot(cells, "mine", 4, model=tiny_langcell, text_share=1, key_added="zero_shot")
    example = cells.obs["bioseq_few_shot_example"]
    assert cells.obs["mine"][example].value_counts().eq(4).all() and example.sum() == 24
    few = share(cells.obs["bioseq_few_shot"][~example], truth[~example])
    zero = share(cells.obs["zero_shot"][~example], truth[~example])
    assert few > 0.8 > 0.4 > zero
    assert cells.obs["bioseq_few_shot_score"].between(1 / 6 - 1e-6, 1).all()


def test_few_shot_is_seeded_and_leaves_empty_cells_unnamed(cells, tiny_langcell: Path) -> None:
    cells.X = cells.X.multiply(np.arange(len(cells))[:, None] > 0).tocsr()
    cells.obs["mine"] = cells.obs["truth"]
    for seed, key in ((0, "a"), (0, "b"), (1, "c")):
        with pytest.warns(UserWarning, match="1 cell has no gene"):
            cm.tl.few_shot(cells, "mine", 2, model=tiny_langcell, seed=seed, key_added=key)
    assert cells.obs["a_example"].equals(cells.obs["b_example"].rename("a_example"))
    assert not cells.obs["a_example"].equals(cells.obs["c_example"].rename("a_example"))
    assert cells.obs["a"].isna().tolist() == [True] + [False] * (len(cells) - 1)
    assert not cells.obs["a_example"].iloc[0]


def test_one_cell_is_enough_to_look_at(cells, tiny_langcell: Path) -> None:
    one = cells[:1].copy()
    cm.tl.retrieve("B cell", one, model=tiny_langcell, rerank=50)
    assert one.obs["bioseq_retrieved_rank"].tolist() == [1]
    found = cm.tl.describe(one, ["B cell", "T cell"], model=tiny_langcell, top=9)
    assert found["rank"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"query": "  "}, "is empty"),
        ({"query": []}, "no query"),
        ({"query": ["B cell", ""]}, "is empty"),
        ({"top": 0}, "top must be at least 1"),
        ({"rerank": -1}, "rerank must be at least 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_questions_that_make_no_sense(cells, tiny_langcell: Path, options, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cm.tl.retrieve(**{"query": "B cell", "adata": cells, "model": tiny_langcell} | options)
    assert not [name for name in cells.obs if name.startswith("bioseq")]


def test_models_columns_and_views_that_cannot_be_used(cells, tiny_langcell: Path) -> None:
    with pytest.raises(ModelError, match="without a LangCell"):
        cm.tl.retrieve("B cell", cells)
    with pytest.raises(ModelError, match="no model folder"):
        cm.tl.describe(cells, ["B cell"], model="nowhere")
    with pytest.raises(InputError, match="view"):
        cm.tl.retrieve("B cell", cells[:9], model=tiny_langcell)
    with pytest.raises(InputError, match="no obs column 'leiden'"):
        cm.tl.describe(cells, ["B cell"], model=tiny_langcell, groupby="leiden")
    with pytest.raises(UsageError, match="no candidate"):
        cm.tl.describe(cells, [], model=tiny_langcell)
    cells.obs["mine"] = "B cell"
    with pytest.raises(InputError, match="fewer than two labels"):
        cm.tl.few_shot(cells, "mine", model=tiny_langcell)
    with pytest.raises(InputError, match="no column 'yours'"):
        cm.tl.few_shot(cells, "yours", model=tiny_langcell)
    with pytest.raises(UsageError, match="text_share"):
        cm.tl.few_shot(cells, "truth", model=tiny_langcell, text_share=2)
