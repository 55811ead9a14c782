"""Molecule files: the column of SMILES is found, and the text is not touched."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.io import read_smiles


def read(tmp_path: Path, name: str, text: str, **options) -> list[tuple[str, str]]:
    path = tmp_path / name
    path.write_text(text)
    return [(record.name, record.sequence) for record in read_smiles(path, **options)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.smi", "CCO m1\nC/C=C\\C\tm2\n"),
        ("x.smi", "smiles name\nCCO m1\n\nC/C=C\\C m2"),
        ("x.csv", "id,smiles\nm1,CCO\nm2,C/C=C\\C\n"),
        ("x.csv", 'Canonical SMILES,other,Name\nCCO,"a,b",m1\r\nC/C=C\\C,,m2\r\n'),
        ("x.tsv", "name\tsmiles_canonical\nm1\tCCO\nm2\tC/C=C\\C\n"),
        ("x.txt", "molecule_chembl_id,SMILES\nm1,CCO\nm2,C/C=C\\C\n"),
    ],
)
def test_the_same_molecules_from_each_kind(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text) == [("m1", "CCO"), ("m2", "C/C=C\\C")]


def test_lines_without_names_are_named_by_number(tmp_path: Path) -> None:
    assert read(tmp_path, "x.txt", "CCO.C.N\n\nC\n") == [("line1", "CCO.C.N"), ("line3", "C")]
    assert read(tmp_path, "x.csv", "smiles\nC\n") == [("line2", "C")]


def test_extended_smiles_are_no_table(tmp_path: Path) -> None:
    assert read(tmp_path, "x.smi", "CC |$A;B$,c:1|\nC m2\n") == [("|$A;B$,c:1|", "CC"), ("m2", "C")]


def test_a_field_too_long_for_a_table_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path, "x.csv", f"smiles,id\n{'C' * 200_000},1\n")


def test_a_column_can_be_given(tmp_path: Path) -> None:
    assert read(tmp_path, "x.csv", "a,drug\n1,C\n", column="drug") == [("line2", "C")]
    assert read(tmp_path, "x.csv", "1,C\n2,N\n", column=1) == [("line1", "C"), ("line2", "N")]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n", {}, "no column of SMILES"),
        ("a,b\n1,2\n", {"column": "c"}, "no column 'c'"),
        ("a,b\n1,2\n", {"column": 2}, "no column number 2"),
        ("id,smiles\nm1\n", {}, "Line 2 has 1 columns"),
        ("id,smiles\nm1,C\nm2,\n", {}, "Line 3 has no molecule"),
        ("id,smiles\n", {}, "no molecule in it"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, "x.csv", text, **options)
    assert caught.value.fix


def test_lines_without_a_molecule_can_be_skipped(tmp_path: Path) -> None:
    found = read(tmp_path, "x.csv", "id,smiles\nm1,C\nm2,\nm3,N\n", empty="skip")
    assert found == [("m1", "C"), ("m3", "N")]


def test_real_files(shared: Path) -> None:
    for name in ("smiles_canonical.csv.gz", "prop_bace.csv.gz", "prop_delaney.csv.gz"):
        first = list(islice(read_smiles(shared / "data/seq" / name), 5))
        assert all(record.sequence and " " not in record.sequence for record in first)
    sets = list(read_smiles(shared / "data/seq/smiles_incontext_sets.txt.gz"))
    assert len(sets) == 50
    assert all("." in record.sequence for record in sets)
