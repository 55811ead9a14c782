"""Over-clusters: the same cells together whatever their order, for any number of cells."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cellmodels.annotate.clustering import (
    centres,
    nearest,
    over_cluster,
    resolution_for,
    sketch_order,
)


@pytest.fixture
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Points of four groups far apart, and the group of each."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    middle = rng.normal(0, 10, (4, 8))
    return (middle[truth] + rng.normal(0, 1, (400, 8))).astype(np.float32), truth


def test_no_cluster_holds_two_groups(groups: tuple[np.ndarray, np.ndarray]) -> None:
    points, truth = groups
    found = over_cluster(points, len(points), seed=0)
    assert len(set(found)) >= 4
    assert all(len(set(truth[found == cluster])) == 1 for cluster in set(found))


def test_clusters_are_numbered_by_size_without_gaps(
    groups: tuple[np.ndarray, np.ndarray],
) -> None:
    found = over_cluster(groups[0], 400, seed=0)
    sizes = np.bincount(found)
    assert (sizes > 0).all() and (np.diff(sizes) <= 0).all()


def test_the_seed_decides_and_python_random_is_left_alone(
    groups: tuple[np.ndarray, np.ndarray],
) -> None:
    random.seed(3)
    state = random.getstate()
    first, again = (over_cluster(groups[0], 400, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert random.getstate() == state


@pytest.mark.parametrize("num_cells", [1, 2, 3, 4, 14, 15, 16])
def test_few_cells(num_cells: int) -> None:
    points = np.random.default_rng(0).normal(0, 1, (num_cells, 5)).astype(np.float32)
    found = over_cluster(points, num_cells, seed=0)
    assert found.shape == (num_cells,) and found.min() == 0


def test_cells_that_are_all_alike() -> None:
    found = over_cluster(np.ones((50, 5), np.float32), 50, seed=0)
    assert found.shape == (50,)


def test_resolution_grows_with_the_number_of_cells() -> None:
    values = [resolution_for(n) for n in (10, 5_000, 20_000, 40_000, 100_000, 200_000)]
    assert values == sorted(set(values))
    assert resolution_for(10**7) == values[-1]


def test_sketch_order_is_of_the_cells_not_of_the_rows() -> None:
    names = np.array([f"cell{i}" for i in range(1000)])
    shuffled = np.random.default_rng(0).permutation(names)
    one, other = names[sketch_order(names, 300)], shuffled[sketch_order(shuffled, 300)]
    assert one.tolist() == other.tolist()
    assert len(set(one)) == 300


def test_sketch_order_spreads_over_the_file() -> None:
    rows = sketch_order([f"cell{i}" for i in range(10_000)], 1000)
    assert abs(rows.mean() - 5000) < 300
    assert sorted(sketch_order("abc", 10)) == [0, 1, 2]


def test_nearest_agrees_with_all_distances() -> None:
    rng = np.random.default_rng(1)
    query, points = rng.normal(0, 1, (1500, 6)), rng.normal(0, 1, (40, 6))
    distance = ((query[:, None] - points[None]) ** 2).sum(axis=2)
    expected = np.argsort(distance, axis=1)[:, :5]
    np.testing.assert_array_equal(nearest(query, points, 5), expected)


def test_nearest_may_ask_for_all_points() -> None:
    points = np.arange(4.0)[:, None]
    assert nearest(points, points, 4)[0].tolist() == [0, 1, 2, 3]


def test_centres_are_means() -> None:
    points = np.array([[0.0, 0], [2, 2], [5, 1]])
    np.testing.assert_allclose(centres(points, np.array([0, 0, 1])), [[1, 1], [5, 1]])
