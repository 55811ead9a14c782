"""Protein mutations: counted from 1, and only applied to the protein they speak of."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosequence.errors import InputError
from biosequence.io import (
    Mutation,
    apply_mutations,
    parse_mutations,
    read_dms,
    read_fasta,
)

WILD = "MKTAYIAKQR"


@given(st.dictionaries(st.integers(0, len(WILD) - 1), st.sampled_from("ACDEFGHIKL"), min_size=1))
def test_applying_and_undoing(changes: dict[int, str]) -> None:
    text = ":".join(f"{WILD[place]}{place + 1}{new}" for place, new in changes.items())
    mutant = apply_mutations(WILD, text)
    assert {place for place, (a, b) in enumerate(zip(WILD, mutant, strict=True)) if a != b} == {
        place for place, new in changes.items() if WILD[place] != new
    }
    back = [Mutation(one.position, one.mutant, one.wild) for one in parse_mutations(text)]
    assert apply_mutations(mutant, back) == WILD


def test_forms_of_the_same_mutations() -> None:
    wanted = (Mutation(2, "K", "R"), Mutation(4, "A", "G"))
    for text in ("K2R:A4G", "A4G,K2R", "p.K2R; A4G", " K2R/A4G "):
        assert parse_mutations(text) == wanted
    for text in ("", "WT", "_wt"):
        assert parse_mutations(text) == ()


@pytest.mark.parametrize("text", ["A42", "42G", "a42g", "A0G", "A4G:", "A4*", "A-4G"])
def test_what_is_no_mutation(text: str) -> None:
    with pytest.raises(InputError, match="no mutation"):
        parse_mutations(text)


def test_a_position_twice_is_refused() -> None:
    with pytest.raises(InputError, match="'A4C' is a second mutation of its position"):
        parse_mutations("A4G:A4C")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("G2R", "G2R expects G at 2; the wild type has K"),
        ("A11G", "residues are 1 to 10"),
        ("K2R:T9A", "T9A expects T at 9; the wild type has Q"),
    ],
)
def test_another_wild_type_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        apply_mutations(WILD, text)


def test_numbering_may_start_elsewhere() -> None:
    assert apply_mutations(WILD, "K26R", offset=24) == "MRTAYIAKQR"
    with pytest.raises(InputError, match="residues are 25 to 34"):
        apply_mutations(WILD, "K2R", offset=24)


def scan(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scan.csv"
    path.write_text(text)
    return path


def test_rows_of_a_scan(tmp_path: Path) -> None:
    path = scan(tmp_path, "DMS_score,mutant,bin\n0.5,K2R,1\n-1e-2,K2R:A4G,0\n1,WT,1\n")
    found = list(read_dms(path))
    assert [(str(row), row.sequence, row.score) for row in found] == [
        ("K2R", "", 0.5),
        ("K2R:A4G", "", -0.01),
        ("", "", 1.0),
    ]
    filled = [row.sequence for row in read_dms(path, wild_type=WILD)]
    assert filled == ["MRTAYIAKQR", "MRTGYIAKQR", WILD]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("mutant,score\nK2R,1\n", "column DMS_score is missing", 1),
        ("mutant,DMS_score\nK2R,1\nK2,1\n", "no mutation", 3),
        ("mutant,DMS_score\nK2R,x\n", "Line 2 cannot be used", 2),
        ("mutant,DMS_score\nK2R\n", "Line 2 cannot be used", 2),
        ("mutant,DMS_score\nG2R,1\n", "the wild type has K", 2),
        ("mutant,DMS_score,mutated_sequence\nK2R,1,MKTAYIAKQR\n", "do not give the sequence", 2),
    ],
)
def test_a_wrong_scan_is_named_by_line(tmp_path: Path, text: str, message: str, line: int) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(read_dms(scan(tmp_path, text), wild_type=WILD))
    assert f"line {line}" in caught.value.where


def test_sequences_of_a_real_scan_are_reached_by_its_mutations(shared: Path) -> None:
    path = shared / "data/seq/protein_dms_blat_P62593.fasta.gz"
    records = list(islice(read_fasta(path, duplicates="allow"), 200))
    names = [record.name.split("|")[1].removeprefix("beta-lactamase_") for record in records]
    (first,) = parse_mutations(names[0])
    back = [Mutation(first.position, first.mutant, first.wild)]
    wild = apply_mutations(records[0].sequence, back)
    for name, record in zip(names, records, strict=True):
        assert apply_mutations(wild, name) == record.sequence
