"""The default model's recipe: profiles, pseudo-cells, prototypes and training do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from bioseq_recipes.default_model.export import plain_tissue, write_model
from bioseq_recipes.default_model.features import UNINFORMATIVE, choose_genes
from bioseq_recipes.default_model.library import (
    class_ids,
    marker_weights,
    nearest_relative,
    prototypes,
)
from bioseq_recipes.default_model.pseudocells import Noise, draw, marker_lists, rank_weights
from bioseq_recipes.default_model.references import References, curated_ids, read_library, unlog
from bioseq_recipes.default_model.train import (
    TrainConfig,
    build_stock,
    show_panels,
    subtree_matrix,
    train,
)

from biosequence.errors import InputError
from cellmodels.default import DefaultModel
from cellmodels.knowledge import MarkerRow
from cellmodels.ontology import cell_ontology, tissue_ontology

B_CELL, NAIVE_B, HEPATOCYTE, FIBROBLAST = "CL:0000236", "CL:0000788", "CL:0000182", "CL:0000057"
MEASURED = (B_CELL, HEPATOCYTE, FIBROBLAST)
OWN, COMMON = 15, 75
GENES = np.array(
    [f"{cl_id[-3:]}_{i}" for cl_id in MEASURED for i in range(OWN)]
    + [f"COMMON_{i}" for i in range(COMMON)],
    dtype=object,
)
QUIET = Noise(
    depth=(2e5, 2e5), platform_sigma=(0.0, 0.0), ambient=(0.0, 0.0), mix_share=0, marker_share=0
)


@pytest.fixture(scope="module")
def references() -> References:
    """Three clearly different types in two studies of one organ each."""
    rng = np.random.default_rng(1)
    linear, rows = [], []
    common = rng.lognormal(3.5, 1.0, COMMON)
    for dataset, tissue in (("study1", "Liver"), ("study2", "Spleen")):
        for number, cl_id in enumerate(MEASURED):
            profile = np.concatenate([np.zeros(OWN * len(MEASURED)), common])
            profile[number * OWN : (number + 1) * OWN] = rng.lognormal(4.0, 0.5, OWN)
            linear.append(profile / profile.sum() * 1e4)
            rows.append((cl_id, "human", tissue, dataset, "toy", False))
    columns = ["cl_id", "organism", "tissue", "dataset", "label", "log_like"]
    return References(np.array(linear, np.float32), GENES, pd.DataFrame(rows, columns=columns))


@pytest.fixture(scope="module")
def rows() -> tuple[MarkerRow, ...]:
    table = [
        MarkerRow(cl_id, "toy", "human", ("any",), tuple(GENES[i * OWN : i * OWN + 6]), ())
        for i, cl_id in enumerate(MEASURED)
    ]
    naive = MarkerRow(
        NAIVE_B, "toy", "human", ("lymph node",), ("COMMON_0", "COMMON_1"), ("236_0",)
    )
    return (*table, naive)


@pytest.fixture(scope="module")
def stock(references, rows):
    classes = class_ids(references, rows)
    return build_stock(references, GENES, classes, marker_weights(rows, classes, GENES))[0]


SHORT = TrainConfig(hidden=32, width=16, pool=1024, pools=2, epochs=3, batch=128, lr=5e-3)


@pytest.fixture(scope="module")
def trained(references, rows):
    return train(references, rows, GENES, [], SHORT)


def test_unlog_finds_the_linear_profile_again() -> None:
    linear = np.random.default_rng(0).lognormal(0, 2, 2000)
    linear *= 1e4 / linear.sum()
    logged = np.log1p(linear)
    np.testing.assert_allclose(unlog(logged / logged.sum() * 1e4), linear, rtol=1e-3)


def test_pseudo_cells_of_a_deep_quiet_platform_are_their_profile(stock) -> None:
    chosen = np.repeat(np.flatnonzero(stock.measured_S), 5)
    cells = draw(stock, chosen, np.random.default_rng(0), QUIET)
    assert cells.dtype == np.float32
    for cell, profile in zip(cells, np.log1p(stock.linear_SF[chosen]), strict=True):
        assert np.corrcoef(cell, profile)[0, 1] > 0.98


def test_pseudo_cells_are_as_empty_as_poisson_counts_at_their_depth(stock) -> None:
    chosen = np.zeros(400, int)
    shares = []
    for depth in (200.0, 2_000.0, 20_000.0):
        noise = replace(QUIET, depth=(depth, depth))
        cells = draw(stock, chosen, np.random.default_rng(0), noise)
        expected = np.exp(-stock.linear_SF[0] * depth / 1e4).mean()
        shares.append((cells == 0).mean())
        assert shares[-1] == pytest.approx(expected, abs=0.01)
    assert shares[0] > shares[1] > shares[2]


def test_ambient_rna_brings_the_genes_of_the_neighbours(stock) -> None:
    noise = replace(QUIET, ambient=(0.5, 0.5))
    clean, soup = (
        draw(stock, np.zeros(20, int), np.random.default_rng(0), n) for n in (QUIET, noise)
    )
    foreign = np.s_[:, OWN : 2 * OWN]
    assert clean[foreign].max() == 0
    assert soup[foreign].mean() > 1


def test_marker_lists_rank_the_raised_genes(stock) -> None:
    log = np.log1p(stock.linear_SF[:3])
    background = np.log1p(stock.ambient_SF[:3])
    lists = marker_lists(log, background, np.random.default_rng(0), longest=10)
    for number, row in enumerate(lists):
        own = row[number * OWN : (number + 1) * OWN]
        assert (own > 0).sum() >= 0.8 * (row > 0).sum() >= 4
        assert row.max() == 1.0
        assert row[row > 0].min() == 0.5


def test_rank_weights_fall_from_one_to_a_half() -> None:
    weights = rank_weights(7)
    assert weights[0] == 1.0
    assert weights[-1] == 0.5
    assert (np.diff(weights) < 0).all()


def test_panels_hide_genes_and_never_invent_them() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(600, 300, generator=generator) * 4
    panel = torch.zeros(1, 300, dtype=torch.bool)
    panel[:, :100] = True
    shown = show_panels(x.clone(), panel, 0.5, generator)
    assert not shown[x == 0].any()
    kept = (shown > 0).float().mean(dim=1)
    assert (kept == 1).float().mean() > 0.15, "some rows must stay whole"
    in_panel = (shown[:, 100:] == 0).all(dim=1)
    assert 0.2 < in_panel.float().mean() < 0.5
    # A panel's user normalises over the panel.
    totals = torch.expm1(shown[in_panel]).sum(dim=1)
    torch.testing.assert_close(totals, torch.full_like(totals, 1e4), rtol=1e-3, atol=0)


def test_a_type_that_nobody_measured_is_made_from_its_nearest_relative(references, rows) -> None:
    classes = class_ids(references, rows)
    weights = marker_weights(rows, classes, GENES)
    made, index, relatives = prototypes(classes, references, GENES, weights)
    assert [classes[i] for i in index] == [NAIVE_B]
    assert relatives == ["B cell"]
    assert nearest_relative(NAIVE_B, references.obs["cl_id"].to_numpy())[0] == B_CELL
    log = np.log1p(made[0])
    assert log[list(GENES).index("COMMON_0")] >= 4.0 - 1e-4
    assert log[list(GENES).index("236_0")] == 0
    b_cell = np.log1p(references.linear_RG[[0, 3]]).mean(axis=0)
    untouched = np.flatnonzero((weights.lift_CF[index[0]] == 0) & ~weights.silent_CF[index[0]])
    np.testing.assert_allclose(log[untouched], b_cell[untouched], rtol=1e-4)


def test_marker_levels_fall_with_rank(references, rows) -> None:
    classes = class_ids(references, rows)
    lift = marker_weights(rows, classes, GENES).lift_CF[classes.index(HEPATOCYTE)]
    at = lift[OWN : OWN + 6]
    assert at[0] == 4.0
    assert (np.diff(at) < 0).all()


def test_a_label_allows_itself_and_its_subtypes(references, rows) -> None:
    classes = class_ids(references, rows)
    allowed = dict(zip(classes, subtree_matrix(classes, classes), strict=True))
    assert {c for c, ok in zip(classes, allowed[B_CELL], strict=True) if ok} == {B_CELL, NAIVE_B}
    assert {c for c, ok in zip(classes, allowed[NAIVE_B], strict=True) if ok} == {NAIVE_B}


def test_chosen_genes_hold_markers_and_what_stands_out(references, rows) -> None:
    extra = MarkerRow(B_CELL, "toy", "human", ("any",), ("COMMON_70",), ())
    chosen = set(choose_genes(references, [extra], per_study=OWN, per_library=OWN))
    assert "COMMON_70" in chosen
    assert {gene for gene in GENES if not gene.startswith("COMMON")} <= chosen
    assert UNINFORMATIVE.match("RPL13") and not UNINFORMATIVE.match("RPE65")


def test_a_short_training_tells_three_types_apart(trained, references, stock) -> None:
    measured = np.flatnonzero(stock.measured_S)
    rng = np.random.default_rng(99)
    chosen = rng.choice(measured, 600)
    x = torch.from_numpy(draw(stock, chosen, rng, Noise())).float()
    with torch.no_grad():
        best = trained.encoder(torch.nn.functional.normalize(x, dim=-1)).argmax(dim=1).numpy()
    truth = references.obs["cl_id"].to_numpy()[chosen]
    answers = np.array(trained.classes)[best]
    ontology = cell_ontology()
    right = [ontology.is_a(a, t) for a, t in zip(answers, truth, strict=True)]
    assert np.mean(right) > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    references, rows, trained
) -> None:
    again = train(references, rows, GENES, [], SHORT).encoder.state_dict()
    other = train(references, rows, GENES, [], replace(SHORT, seed=1)).encoder.state_dict()
    state = trained.encoder.state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert not torch.equal(state["first.weight"], other["first.weight"])


def test_a_written_model_loads_and_answers_as_it_was_trained(
    tmp_path, trained, references, rows, stock
) -> None:
    write_model(tmp_path, trained, references, rows, {"version": "toy"})
    model = DefaultModel.load(tmp_path)
    assert model.classes == trained.classes
    assert list(model.genes) == list(trained.genes)
    assert model.config["version"] == "toy"
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1, "all may be read by all"
    assert model.tissues[model.classes.index(B_CELL)] == ("any",)
    assert set(model.tissues[model.classes.index(NAIVE_B)]) >= {"lymph node"}
    x = draw(stock, np.arange(6), np.random.default_rng(3), Noise())
    with torch.no_grad():
        logits = trained.encoder(torch.nn.functional.normalize(torch.from_numpy(x), dim=-1))
    wanted = torch.log_softmax(logits, dim=-1).numpy()
    # Weights are stored with 11 bits.
    np.testing.assert_allclose(model.log_probabilities(model.embed(x)), wanted, atol=0.05)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("SmallIntestine", "small intestine"), ("FetalLung", "lung"), ("TumorImmune", "")],
)
def test_library_tissues_in_plain_words(name: str, plain: str) -> None:
    assert plain_tissue(name) == plain


def test_a_folder_without_the_library_is_an_input_error(tmp_path) -> None:
    with pytest.raises(InputError, match="profiles_human"):
        read_library(tmp_path)


def test_hand_checked_labels_are_current_terms_with_their_names() -> None:
    from importlib.resources import files

    ontology = cell_ontology()
    path = files("bioseq_recipes.default_model").joinpath("profile_labels.tsv")
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == ["organism", "tissue", "label", "cl_id", "name"]
    cells = [line.split("\t") for line in lines]
    wrong = [
        cell
        for cell in cells
        if cell[3] and (cell[3] not in ontology or ontology.name(cell[3]) != cell[4])
    ]
    assert wrong == []
    keys = [tuple(cell[:3]) for cell in cells]
    assert len(set(keys)) == len(keys)


def test_a_hand_checked_label_wins_over_the_librarys_own() -> None:
    obs = pd.DataFrame(
        {
            "tissue": ["Lung", "Lung", "Lung"],
            "cell_type_orig": ["Baso.Mast", "nobody knows", "nobody knows"],
            "cell_ontology_id": ["CL:0000000", "CL:0000236", "unknown"],
        }
    )
    assert curated_ids(obs, "human") == ["CL:0000097", B_CELL, ""]


def test_the_library_reads_as_current_terms_in_known_tissues(shared) -> None:
    references = read_library(shared / "data/profiles")
    ontology, tissues = cell_ontology(), tissue_ontology()
    assert len(references.obs) > 900
    assert [label for label in references.obs["cl_id"].unique() if label not in ontology] == []
    places = {plain_tissue(tissue) for tissue in references.obs["tissue"]} - {""}
    assert [place for place in sorted(places) if tissues.resolve(place) is None] == []
    totals = references.linear_RG.sum(axis=1)
    assert totals.max() < 1.01e4
    assert np.median(totals) > 8e3
    assert len(set(references.genes)) == len(references.genes)
