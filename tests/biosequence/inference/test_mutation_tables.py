"""Mutation files: lists and scans, homologs from alignments, lines named, runs resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError
from biosequence.inference.mutation_tables import score_mutation_file
from biosequence.inference.mutations import score_mutants

WILD = "MKTAYIAKQR"
A3M = ">wild\nMKTAYIAKQR\n>h1\nMRTA-IAKQR\n>h2\nMKSayAYIGKQR\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "wild.fa").write_bytes(b">wild\r\nMKTAY\r\nIAKQR\r\n")
    (tmp_path / "homologs.a3m").write_text(A3M)
    (tmp_path / "list.txt").write_text("# mutants\nK2R\n\nT3S:A4G\nWT\n")
    return tmp_path


def table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


@pytest.mark.parametrize("method", ["likelihood", "fill"])
def test_a_list_becomes_a_table(tiny, files: Path, method: str) -> None:
    loaded = tiny("protein")
    summary = score_mutation_file(
        loaded,
        files / "list.txt",
        files / "wild.fa",
        files / "out.tsv",
        context=files / "homologs.a3m",
        method=method,
    )
    rows = table(files / "out.tsv")
    assert rows[0] == ["mutant", "score"]
    assert [row[0] for row in rows[1:]] == ["K2R", "T3S:A4G", "WT"]
    homologs = ["MRTAIAKQR", "MKSAYAYIGKQR"]
    expected = score_mutants(
        loaded, WILD, ["K2R", "T3S:A4G", "WT"], method=method, context=homologs
    )
    np.testing.assert_allclose([float(row[1]) for row in rows[1:]], expected, atol=1e-5)
    assert summary["homologs"] == 2
    assert summary["spearman"] is None


@pytest.mark.parametrize("method", ["likelihood", "fill"])
def test_a_stopped_run_goes_on(tiny, files: Path, method: str, monkeypatch) -> None:
    import biosequence.inference.mutation_tables as module

    arguments = (tiny("protein"), files / "list.txt", files / "wild.fa")
    score_mutation_file(*arguments, files / "whole.tsv", method=method)
    name = "likelihood_effects" if method == "likelihood" else "residue_log_probs"
    inner = getattr(module, name)

    def stops(*args, **kwargs):
        found = inner(*args, **kwargs)
        yield next(found)
        yield next(found)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stops)
        with pytest.raises(KeyboardInterrupt):
            score_mutation_file(*arguments, files / "out.tsv", method=method)
    assert not (files / "out.tsv").exists()
    score_mutation_file(*arguments, files / "out.tsv", method=method, resume=True)
    found, whole = table(files / "out.tsv"), table(files / "whole.tsv")
    assert [row[0] for row in found] == [row[0] for row in whole]
    np.testing.assert_allclose(
        [float(row[1]) for row in found[1:]], [float(row[1]) for row in whole[1:]], atol=1e-5
    )


def test_a_scan_is_compared_with_what_was_measured(tiny, files: Path) -> None:
    scores = score_mutants(tiny("protein"), WILD, ["K2R", "T3S", "A4G"])
    measured = np.argsort(np.argsort(scores))
    lines = [f"{name},{rank}" for name, rank in zip(["K2R", "T3S", "A4G"], measured, strict=True)]
    (files / "scan.csv").write_text("\n".join(["mutant,DMS_score", *lines]) + "\n")
    summary = score_mutation_file(
        tiny("protein"), files / "scan.csv", files / "wild.fa", files / "out.tsv"
    )
    assert summary["spearman"] == pytest.approx(1.0)
    assert table(files / "out.tsv")[0] == ["mutant", "score", "DMS_score"]


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("K2R\nK9R\n", "has Q", "line 2"),
        ("K2\n", "no mutation", "line 1"),
        ("K2R\nR11A\n", "outside", "line 2"),
        ("mutant,DMS_score\nK2R,1\nT4S,1\n", "has A", "line 3"),
        ("mutant,score\nK2R,1\n", "DMS_score", "line 1"),
        ("# none\n", "no mutation", ""),
    ],
)
def test_a_wrong_line_is_named(tiny, files: Path, text: str, said: str, line: str) -> None:
    (files / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        score_mutation_file(
            tiny("protein"), files / "bad.csv", files / "wild.fa", files / "out.tsv"
        )
    assert line in refused.value.where
    assert not (files / "out.tsv").exists()


def test_one_wild_type_and_real_homologs_are_wanted(tiny, files: Path) -> None:
    (files / "two.fa").write_text(">a\nMK\n>b\nMK\n")
    arguments = (tiny("protein"), files / "list.txt")
    with pytest.raises(InputError, match="several records"):
        score_mutation_file(*arguments, files / "two.fa", files / "out.tsv")
    (files / "self.fa").write_text(f">a\n{WILD}\n")
    with pytest.raises(InputError, match="no homolog"):
        score_mutation_file(
            *arguments, files / "wild.fa", files / "out.tsv", context=files / "self.fa"
        )
