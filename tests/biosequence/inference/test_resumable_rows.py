"""A stopped run goes on where it was, with the same options and input only."""

from __future__ import annotations

from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.inference import ResumableRows, fingerprint


def text(rows):
    return (f"{row['n']}\n" for row in rows)


def stopped(output: Path, key: str = "k", rows: int = 3) -> Path:
    with pytest.raises(KeyboardInterrupt), ResumableRows(output, key) as partial:
        for n in range(rows):
            partial.append({"n": n})
        raise KeyboardInterrupt
    return output.with_name(output.name + ".partial")


def test_a_stopped_run_leaves_rows_and_no_output(tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    partial = stopped(output)
    assert partial.exists()
    assert not output.exists()
    with ResumableRows(output, "k", resume=True) as rows:
        assert rows.count == 3
        rows.append({"n": 3})
        assert [row["n"] for row in rows.rows()] == [0, 1, 2, 3]
        rows.finish(text)
    assert output.read_text() == "0\n1\n2\n3\n"
    assert not partial.exists()


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_row_that_was_cut_off_is_written_again(tmp_path: Path, cut: int) -> None:
    output = tmp_path / "out.txt"
    partial = stopped(output)
    partial.write_bytes(partial.read_bytes()[:-cut])
    with ResumableRows(output, "k", resume=True) as rows:
        assert rows.count == 2
        for n in range(rows.count, 4):
            rows.append({"n": n})
        rows.finish(text)
    assert output.read_text() == "0\n1\n2\n3\n"


def test_another_run_is_refused_and_its_rows_stay(tmp_path: Path) -> None:
    partial = stopped(tmp_path / "out.txt")
    before = partial.read_bytes()
    with pytest.raises(InputError, match="other options"):
        ResumableRows(tmp_path / "out.txt", "other", resume=True)
    assert partial.read_bytes() == before
    partial.write_text("not ours\n")
    with pytest.raises(InputError, match="other options"):
        ResumableRows(tmp_path / "out.txt", "k", resume=True)


def test_without_resume_a_run_begins_anew(tmp_path: Path) -> None:
    stopped(tmp_path / "out.txt")
    with ResumableRows(tmp_path / "out.txt", "other") as rows:
        assert rows.count == 0
        rows.finish(text)
    assert (tmp_path / "out.txt").read_text() == ""


def test_a_run_without_rows_leaves_nothing(tmp_path: Path) -> None:
    stopped(tmp_path / "out.txt", rows=0)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_ending_keeps_the_rows(tmp_path: Path) -> None:
    def broken(rows):
        yield "half"
        raise OSError("full")

    with pytest.raises(OSError, match="full"), ResumableRows(tmp_path / "out.txt", "k") as rows:
        rows.append({"n": 1})
        rows.finish(broken)
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt.partial"]


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        ResumableRows(tmp_path, "k")


def test_a_fingerprint_follows_options_and_contents(tmp_path: Path) -> None:
    file = tmp_path / "in.fa"
    file.write_text(">a\nAC\n")
    first = fingerprint({"seed": 1}, [file])
    assert first == fingerprint({"seed": 1}, [file])
    assert first != fingerprint({"seed": 2}, [file])
    assert first != fingerprint({"seed": 1}, [tmp_path])[:-1]
    file.write_text(">a\nAG\n")
    assert first != fingerprint({"seed": 1}, [file])
    with pytest.raises(InputError, match="no such file"):
        fingerprint({}, [tmp_path / "absent"])
