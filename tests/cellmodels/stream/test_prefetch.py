"""Items made a step ahead: the same, in order, and never a thread left behind."""

from __future__ import annotations

import threading

import pytest

from cellmodels.stream import prefetch


def test_prefetch_keeps_items_and_order():
    assert list(prefetch(iter(range(100)))) == list(range(100))


def test_prefetch_raises_what_the_items_raise_at_its_place():
    def items():
        yield 1
        raise KeyboardInterrupt

    seen = []
    with pytest.raises(KeyboardInterrupt):
        for item in prefetch(items()):
            seen.append(item)
    assert seen == [1]


def test_prefetch_makes_no_more_than_two_items_ahead():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    for number in prefetch(items()):
        assert len(made) <= number + 3


def test_prefetch_stops_its_thread_when_the_loop_is_left():
    for _ in prefetch(iter(range(10**9))):
        break
    assert not [thread for thread in threading.enumerate() if thread.name == "bioseq-prefetch"]
