"""Tables of labelled sequences, and the tasks of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.evaluation import read_labelled
from biosequence.evaluation.tables import find_tasks, is_continuous, read_split


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("id\tclass\tsequence\tsplit\n1\tb\tACGT\ttrain\n\n2\ta\tAC\ttest\n")
    found = read_labelled(path)
    assert found.sequences == ("ACGT", "AC")
    assert found.labels == ("b", "a")
    assert found.splits == ("train", "test")


def test_a_column_of_labels_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("smiles_canonical,Class,pIC50\nCCO,1,9.5\n")
    assert read_labelled(path).labels == ("1",)
    assert read_labelled(path, label="pIC50").labels == ("9.5",)
    with pytest.raises(InputError, match="no column 'IC50'"):
        read_labelled(path, label="IC50")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sequence,y\nA,1\n", "no column of labels"),
        ("seq,label\nA,1\n", "no column of sequences"),
        ("sequence,label\nA,1\nC\n", "Line 3 lacks"),
        ("sequence,label\n", "no rows"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_labelled(tmp_path / "t.csv")


def test_samples_follow_the_seed_and_keep_the_order(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "sequence,label\n" + "".join(f"{'A' * n},{n}\n" for n in range(1, 31))
    )
    table = read_labelled(tmp_path / "t.csv")
    first = table.sample(7, 1)
    assert first == table.sample(7, 1) != table.sample(7, 2)
    numbers = list(map(int, first.labels))
    assert numbers == sorted(numbers)
    assert table.sample(None, 0) is table


def test_tasks_are_a_folder_or_its_folders(tmp_path: Path) -> None:
    for place in ("two/test", "one"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "one" / "test.csv").write_text("sequence,label\nA,1\n")
    (tmp_path / "two" / "test" / "part.csv").write_text("sequence,label\nA,1\n")
    (tmp_path / "empty").mkdir()
    assert list(find_tasks(tmp_path)) == ["one", "two"]
    assert list(find_tasks(tmp_path / "one")) == ["one"]
    with pytest.raises(InputError, match="no task"):
        find_tasks(tmp_path / "empty")
    with pytest.raises(InputError, match="no table of the split 'train'"):
        read_split(tmp_path / "one", "train")


def test_numbers_with_fractions_are_measured() -> None:
    assert is_continuous(["1.0", "2.5"])
    assert not is_continuous(["1.0", "2"])
    assert not is_continuous(["nan", "2.5"])
