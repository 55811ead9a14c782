"""Alignments: aligned rows have one length, sequences have no gaps."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.io import read_a3m
from biosequence.tokenizers import ProteinTokenizer


def put(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.a3m"
    path.write_text(text)
    return path


def test_insertions_and_gaps(tmp_path: Path) -> None:
    path = put(tmp_path, "# from a search\n>query\nMKT\nA\n>other 30%\nM-ciT.A\n>other\n---A\n")
    found = read_a3m(path)
    assert (len(found), found.num_columns, found.query.name) == (3, 4, "query")
    assert found.aligned() == ["MKTA", "M-TA", "---A"]
    assert found.sequences() == ["MKTA", "MCITA", "A"]


def test_rows_of_another_width_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'other' has 3 aligned columns, the query has 4"):
        read_a3m(put(tmp_path, ">query\nMKTA\n>other\nMKciT\n"))


def test_real_alignments(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "data/seq/protein_msas_a3m.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    paths = sorted(tmp_path.glob("**/*.a3m"))
    assert len(paths) == 7
    for path in paths:
        found = read_a3m(path)
        assert {len(row) for row in found.aligned()} == {found.num_columns}
        tokenizer = ProteinTokenizer()
        for record, sequence in list(zip(found.records, found.sequences(), strict=True))[:20]:
            # The tokenizer reads a row of the file as the sequence that it stands for.
            row = record.sequence.replace(".", "")
            assert tokenizer.encode(row).tolist() == tokenizer.encode(sequence).tolist()
