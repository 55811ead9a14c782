"""Products inside compiled loops give what numpy's do, and leave out what a triangle lacks."""

from __future__ import annotations

import numpy as np
import pytest

from biosequence.kernels import products

SIZES = [(16, 16, 16), (96, 64, 32), (32, 48, 80)]


def sample(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def diagonal_tiles(side: int) -> np.ndarray:
    """Where a square matrix has the tiles that hold its diagonal, a row of tiles at a time."""
    tile = np.arange(side) // products.ROWS
    return tile[:, None] == tile


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_product_is_added_to_what_is_there(size: tuple[int, int, int], turned: bool) -> None:
    M, J, P = size
    a, b, out = sample(M, J), sample(J, P), sample(M, P)
    wanted = out + a.astype(np.float64) @ b
    products.add_product(out, np.ascontiguousarray(a.T).T if turned else a, b)
    np.testing.assert_allclose(out, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("side", [16, 48, 96])
def test_the_lower_triangle_of_a_product(side: int) -> None:
    a, b, out = sample(side, 64), sample(64, side), sample(side, side)
    wanted = np.tril(out + a.astype(np.float64) @ b)
    products.add_lower(out, a, b)
    np.testing.assert_allclose(np.tril(out), wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("side", [16, 48, 96])
def test_nothing_is_read_beyond_the_diagonal_of_a_triangle(side: int) -> None:
    a, b = sample(side, side), sample(side, 64)
    for add, triangle in (
        (products.add_from_lower, np.tril),
        (products.add_from_upper, np.triu),
    ):
        out, known = np.zeros((side, 64), np.float32), triangle(a)
        wanted = known.astype(np.float64) @ b
        beyond = (triangle(np.ones_like(a)) == 0) & ~diagonal_tiles(side)
        add(out, np.where(beyond, np.nan, known).astype(np.float32), b)
        np.testing.assert_allclose(out, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("size", "room"), [(1, 16), (16, 16), (17, 32)])
def test_sides_have_room_for_whole_tiles(size: int, room: int) -> None:
    assert products.whole(size) == room
    assert room % products.LANES == room % products.ROWS == 0
