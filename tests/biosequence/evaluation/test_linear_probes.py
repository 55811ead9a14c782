"""Linear probes: a planted label is read off, an absent one is not, k-mers stand beside."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError
from biosequence.evaluation import evaluate_probe


def share_of_a(sequences) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(len(sequences), 3))
    return np.column_stack([[text.count("A") / len(text) for text in sequences], noise])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    lines = ["sequence,label,number,split"]
    for row in range(200):
        share = rng.uniform(0.05, 0.9)
        rest = (1 - share) / 3
        text = "".join(rng.choice(list("ACGT"), 80, p=[share, rest, rest, rest]))
        real = text.count("A") / 80
        split = "test" if row % 4 == 0 else "train"
        lines.append(f"{text},{'rich' if real > 0.45 else 'poor'},{real * 3 + 0.01:.5f},{split}")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_planted_label_is_read_off(table: Path) -> None:
    report = evaluate_probe(share_of_a, table)
    rows = {row["features"]: row for row in report.rows}
    assert rows["model"]["score"] > 0.85
    assert rows["kmer"]["score"] > 0.6
    assert (rows["model"]["train"], rows["model"]["test"]) == (150, 50)


def test_noise_holds_no_label(table: Path) -> None:
    def noise(sequences) -> np.ndarray:
        return np.random.default_rng(len(sequences)).normal(size=(len(sequences), 4))

    found = evaluate_probe(noise, table).rows[0]
    assert found["score_low"] < 0 < found["score_high"]


def test_numbers_make_a_regression(table: Path) -> None:
    report = evaluate_probe(share_of_a, table, label="number")
    rows = {row["features"]: row for row in report.rows}
    assert rows["model"]["score"] > 0.98
    assert rows["model"]["rmse"] < 0.2
    assert "ridge" in report.title


def test_splits_come_from_the_folder_the_column_or_chance(table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    folder = tmp_path / "folder"
    folder.mkdir()
    for split in ("train", "test"):
        mine = [line for line in lines[1:] if line.endswith(split)]
        (folder / f"{split}.csv").write_text("\n".join([lines[0], *mine]) + "\n")
    assert evaluate_probe(share_of_a, folder).rows[1] == evaluate_probe(share_of_a, table).rows[1]
    table.write_text("\n".join(line.rpartition(",")[0] for line in lines) + "\n")
    report = evaluate_probe(share_of_a, table, seed=3)
    assert (report.rows[0]["train"], report.rows[0]["test"]) == (160, 40)
    assert "random" in report.notes[0]


def test_splits_that_cannot_be_judged_are_refused(table: Path) -> None:
    text = table.read_text()
    table.write_text(text.replace(",test\n", ",valid\n"))
    with pytest.raises(InputError, match="lacks train or test"):
        evaluate_probe(share_of_a, table)
    head, *lines = text.splitlines()
    lines = [line.replace("poor", "rich") if line.endswith("train") else line for line in lines]
    table.write_text("\n".join([head, *lines]) + "\n")
    with pytest.raises(InputError, match="'poor', which the training rows lack"):
        evaluate_probe(share_of_a, table)


def test_real_solubilities(shared: Path, tmp_path: Path) -> None:
    from biosequence.evaluation.molecule_sets import properties

    path = tmp_path / "d.csv"
    path.write_text(gzip.open(shared / "data/seq/prop_delaney.csv.gz", "rt").read())
    report = evaluate_probe(
        lambda texts: np.column_stack(list(properties(texts).values())),
        path,
        label="measured log solubility in mols per litre",
        limit=300,
    )
    assert report.rows[0]["score"] > 0.7
    assert report.rows[1]["score"] > 0.5
