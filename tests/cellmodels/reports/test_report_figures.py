"""What the figures and the list of doubts are made of."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cellmodels.reports.attention import cluster_concerns
from cellmodels.reports.colours import CATEGORIES, confidence_level, confidence_levels
from cellmodels.reports.composition import compose
from cellmodels.reports.dotplot import dot_plot
from cellmodels.reports.figures import (
    HEIGHT,
    WIDTH,
    confidence_map,
    histogram,
    place_points,
    type_map,
)
from cellmodels.reports.gene_names import GeneNames
from cellmodels.reports.umap import compute_umap

HUMAN = GeneNames("human", {})


def test_composition_counts_every_cell_once(make_result):
    result = make_result(41)
    found = compose(result)
    assert sum(row.n_cells for row in found.rows) == 41
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    assert not found.rows[-1].known
    for row, cell in zip(found.row_of_cell, result.cell_type, strict=True):
        assert found.rows[row].name == cell


def test_points_keep_to_the_frame_and_gaps_are_left_out():
    umap = np.array([[0, 0], [5, 1], [np.nan, 2], [1e9, -1e9]])
    place = place_points(umap)
    assert (place[2] == -1).all()
    kept = place[[0, 1, 3]]
    assert (kept >= 0).all()
    assert (kept <= [WIDTH, HEIGHT]).all()


def test_maps_draw_every_cell_that_has_a_place(make_result):
    result = make_result(40)
    place = np.column_stack([np.arange(40) * 10, np.arange(40) * 10])
    place[7] = -1
    found = compose(result)
    for drawn in (
        type_map(place, found.row_of_cell, found),
        confidence_map(place, result.confidence),
    ):
        assert sum(layer.path.count("M") for layer in drawn.layers) == 39


def test_labels_do_not_lie_on_each_other(make_result):
    result = make_result(40)
    found = compose(result)
    place = np.full((40, 2), 200)
    labels = type_map(place, found.row_of_cell, found).labels
    assert len(labels) == 3
    heights = sorted(label.y for label in labels)
    assert min(np.diff(heights)) >= 16


def test_histogram_holds_every_cell():
    confidence = np.array([0.0, 0.49, 0.5, 0.7, 0.95, 1.0, 1.0])
    bars = histogram(confidence, np.array([True] * 6 + [False]), height=100)
    counts = [int(bar.hover.split()[0]) for bar in bars]
    assert sum(counts) == 7
    assert max(bar.height for bar in bars) <= 100
    assert min(bar.top for bar in bars) == pytest.approx(0)


def test_confidence_levels_rise_with_confidence():
    levels = [confidence_level(value) for value in (0.0, 0.5, 0.7, 0.85, 0.95, 1.0)]
    assert levels == [0, 1, 2, 3, 4, 4]
    assert len(confidence_levels()) == 5
    assert len(set(CATEGORIES)) == len(CATEGORIES)


def test_dot_plot_shows_shares_and_means(make_result):
    result = make_result(40)
    plot = dot_plot(result, compose(result), GeneNames("mouse", {"MS4A1": "Ms4a1"}))
    assert [row.text for row in plot.rows] == ["B cell", "monocyte", "natural killer cell"]
    assert [column.text for column in plot.columns[:2]] == ["Ms4a1", "CD79A"]
    values = result.sketch.log_SF.toarray()[::4, 1]
    expected = f"Ms4a1 in B cell: {(values > 0).mean():.0%} of cells, mean {values.mean():.2f}"
    assert expected in [dot.hover for dot in plot.dots]


def test_dot_plot_is_left_out_without_evidence(make_result):
    result = make_result(40, None)
    assert dot_plot(result, compose(result), HUMAN) is None


def test_gene_names_go_both_ways(make_result):
    check = make_result(organism="mouse", file_genes=("Ms4a1", "Cd3e", "Ins1", "Ins2")).check
    names = GeneNames.of(check)
    assert names.printed(["MS4A1", "Cd3e", "LYZ"]) == ["Ms4a1", "Cd3e", "LYZ"]
    assert names.printed(["Ins1", "Ins2"]) == ["Ins1", "Ins2"]
    assert names.model(["Ms4a1", "CD3E"]) == ["MS4A1", "CD3E"]


def test_concerns_name_the_cause_and_put_large_ones_first(make_result):
    sure, other, weak, unknown = make_result(40).clusters
    mixed = dataclasses.replace(
        other, status="mixed", n_cells=500, agreement=0.4, votes=(("T cell", 0.4),)
    )
    unsure = dataclasses.replace(
        weak, call=dataclasses.replace(weak.call, confidence=0.55, runner_up="macrophage")
    )
    found = cluster_concerns([sure, mixed, unsure, unknown], HUMAN, tissue="")
    assert [concern.status for concern in found] == ["mixed", "unknown", "unsure"]
    assert "40%" in found[0].why
    assert "--tissue" in found[1].advice
    assert "macrophage" in found[2].why
    assert "CD3E" in found[2].advice
    given = cluster_concerns([unknown], HUMAN, tissue="blood")
    assert "--tissue" not in given[0].advice


@pytest.mark.parametrize("num", [0, 1, 2, 7])
def test_umap_of_few_cells_is_finite(num):
    found = compute_umap(np.random.default_rng(0).normal(size=(num, 3)), seed=0)
    assert found.shape == (num, 2)
    assert np.isfinite(found).all()


def test_umap_parts_groups_repeats_and_keeps_to_its_limit():
    rng = np.random.default_rng(1)
    group = np.arange(90) % 2
    points = rng.normal(size=(90, 5)) + 20 * group[:, None]
    found = compute_umap(points, seed=3, limit=60)
    drawn = np.isfinite(found).all(axis=1)
    assert drawn.sum() == 60
    np.testing.assert_array_equal(found, compute_umap(points, seed=3, limit=60))
    first, second = (found[drawn & (group == side)] for side in (0, 1))
    gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert gap > 2 * max(first.std(), second.std())
