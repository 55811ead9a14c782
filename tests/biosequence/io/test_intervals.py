"""Intervals: their algebra, and BED files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.errors import InputError
from biosequence.io import Interval, read_bed

intervals = st.builds(
    lambda start, size, strand: Interval("chr1", start, start + size, strand),
    st.integers(0, 100),
    st.integers(0, 60),
    st.sampled_from("+-."),
)


@given(intervals)
def test_text_goes_there_and_back(one: Interval) -> None:
    assert Interval.from_str(str(one)) == one


@given(intervals, st.integers(0, 80))
def test_resizing_keeps_middle_and_strand(one: Interval, length: int) -> None:
    found = one.resize(length)
    assert len(found) == length
    assert (found.center, found.strand) == (one.center, one.strand)


@given(intervals, st.integers(-90, 90))
def test_shifting_there_and_back(one: Interval, offset: int) -> None:
    assert one.shift(offset).shift(-offset) == one
    assert len(one.shift(offset)) == len(one)


@given(intervals, intervals)
def test_overlap_is_sharing_a_base(one: Interval, other: Interval) -> None:
    shared = set(range(one.start, one.end)) & set(range(other.start, other.end))
    assert one.overlaps(other) == other.overlaps(one) == bool(shared)


@given(intervals, st.integers(-50, 50), st.integers(0, 120))
def test_truncation_keeps_what_lies_on_the_chromosome(
    one: Interval, offset: int, length: int
) -> None:
    moved = one.shift(offset)
    found = moved.truncate(length)
    assert set(range(found.start, found.end)) == (
        set(range(moved.start, moved.end)) & set(range(length))
    )


def test_padding_and_containing() -> None:
    one = Interval("chr1", 5, 9)
    assert one.pad(2, 1) == Interval("chr1", 3, 10)
    assert one.pad(2, 1).contains(one)
    assert not one.contains(one.pad(0, 1))
    assert not one.contains(Interval("chr2", 6, 7))
    assert not one.overlaps(Interval("chr2", 5, 9))


def test_intervals_sort_by_place_and_names_do_not_count() -> None:
    assert sorted([Interval("b", 1, 2), Interval("a", 9, 9), Interval("a", 3, 4)])[0].start == 3
    assert Interval("a", 1, 2, name="x") == Interval("a", 1, 2, name="y")


@pytest.mark.parametrize("text", ["chr1", "chr1:5", "chr1:a-b", "chr1:9-5", "chr1:1-2:x", ":1-2"])
def test_text_that_is_no_interval(text: str) -> None:
    with pytest.raises(InputError, match="no interval"):
        Interval.from_str(text)


def test_names_with_colons_are_read() -> None:
    assert Interval.from_str("HLA:A*01:5-9:-") == Interval("HLA:A*01", 5, 9, "-")


def bed(tmp_path: Path, text: str) -> list[Interval]:
    path = tmp_path / "x.bed"
    path.write_text(text)
    return list(read_bed(path))


def test_bed_headers_comments_and_columns(tmp_path: Path) -> None:
    found = bed(
        tmp_path,
        "browser position chr7\ntrack name=x\n#c\nchrom\tstart\tend\n\nchr1\t0\t9\ntwo words\t5\t7"
        "\tpeak 1\t0\t-\nchr3\t1\t2\ttrain\r\n",
    )
    assert found == [Interval("chr1", 0, 9, "."), Interval("two words", 5, 7, "-"),
                     Interval("chr3", 1, 2, ".")]  # fmt: skip
    assert [one.name for one in found] == ["", "peak 1", "train"]


@pytest.mark.parametrize(
    "line", ["chr1\t5", "chr1\tx\t9", "chr1\t9\t5", "chr1\t-1\t5", "chr1\t1\t5\tn\t0\t?"]
)
def test_a_wrong_bed_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="Line 2 is no BED") as caught:
        bed(tmp_path, f"chr1\t0\t9\n{line}\n")
    assert "line 2" in caught.value.where
