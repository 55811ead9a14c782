"""Batches of like length: every item once, the order kept, bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from biosequence.inference import run_in_batches

SIZES = st.lists(st.integers(0, 40), max_size=60)


@given(SIZES, st.integers(1, 9), st.integers(1, 20))
def test_results_come_in_the_order_of_the_items(sizes: list[int], batch: int, window: int) -> None:
    texts = ["x" * size + str(number) for number, size in enumerate(sizes)]
    done = run_in_batches(
        texts, lambda rows: [row + "!" for row in rows], batch_size=batch, window=window
    )
    assert list(done) == [text + "!" for text in texts]


@given(SIZES, st.integers(1, 9), st.integers(1, 100))
def test_no_batch_is_larger_than_allowed(sizes: list[int], batch: int, most: int) -> None:
    def work(rows: list[int]) -> list[int]:
        assert len(rows) <= batch
        assert len(rows) == 1 or max(rows) * len(rows) <= most
        return rows

    done = run_in_batches(sizes, work, length=lambda size: size, batch_size=batch, max_tokens=most)
    assert list(done) == sizes


def test_items_of_a_batch_are_of_like_length() -> None:
    widths = []

    def work(rows: list[str]) -> list[str]:
        widths.append({len(row) for row in rows})
        return rows

    list(run_in_batches(["a", "b" * 9] * 8, work, batch_size=4))
    assert all(len(width) == 1 for width in widths)


def test_no_more_than_the_window_is_taken_from_the_stream() -> None:
    taken = 0

    def stream() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "x"

    results = run_in_batches(stream(), lambda rows: rows, batch_size=2, window=10)
    next(results)
    assert taken == 10
