"""Zero-shot effects: a planted ranking is found, wild types are recovered, errors name lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.evaluation import evaluate_assays, read_assay
from biosequence.inference import score_mutants
from biosequence.io import apply_mutations

WILD = "MKTAYIAKQR"
MUTANTS = ("K2R", "T3S:A4G", "A4P", "Y5F", "I6V", "A7G:R10K", "Q9E", "K8R")


def write(path: Path, mutants=MUTANTS, offset: float = 0.0) -> None:
    rows = [
        f"{mutant},{apply_mutations(WILD, mutant)},{offset + n % 5}"
        for n, mutant in enumerate(mutants)
    ]
    path.write_text("\n".join(["mutant,mutated_sequence,DMS_score", *rows]) + "\n")


def test_a_ranking_that_is_planted_is_found(tmp_path: Path) -> None:
    write(tmp_path / "A.csv")
    write(tmp_path / "B.csv", MUTANTS[:5])
    asked = []

    def perfect(wild_type, mutants, homologs):
        asked.append((wild_type, len(homologs)))
        texts = [":".join(map(str, one)) for one in mutants]
        return [float(MUTANTS.index(text) % 5) ** 3 for text in texts]

    report = evaluate_assays(perfect, tmp_path)
    assert [row["assay"] for row in report.rows] == ["A", "B"]
    assert [row["spearman"] for row in report.rows] == pytest.approx([1.0, 1.0])
    assert report.summary["mean Spearman"] == pytest.approx(1.0)
    assert report.rows[0]["multiple"] == 2
    assert asked == [(WILD, 0), (WILD, 0)]
    turned = evaluate_assays(lambda *given: [-x for x in perfect(*given)], tmp_path)
    assert turned.rows[0]["spearman"] == pytest.approx(-1.0)


def test_a_constant_assay_is_not_in_the_mean(tmp_path: Path) -> None:
    write(tmp_path / "A.csv")
    write(tmp_path / "B.csv", MUTANTS[:1])
    report = evaluate_assays(lambda wild, mutants, homologs: range(len(mutants)), tmp_path)
    assert report.rows[1]["spearman"] is None
    assert report.summary["assays"] == 1
    assert any("not in the mean: B" in note for note in report.notes)


def test_every_method_of_inference_can_score(tmp_path: Path, tiny) -> None:
    write(tmp_path / "A.csv")
    (tmp_path / "A.a3m").write_text(f">q\n{WILD}\n>a\nMRTAYIAKQK\n>b\nMKSAYI--QR\n>c\n{WILD}\n")
    found = {}
    for method in ("likelihood", "fill"):
        report = evaluate_assays(
            lambda wild, mutants, homologs, method=method: score_mutants(
                tiny("protein"), wild, mutants, context=homologs, method=method
            ),
            tmp_path,
            context=tmp_path,
        )
        found[method] = report.rows[0]
    assert {row["homologs"] for row in found.values()} == {2}
    assert found["likelihood"]["spearman"] != found["fill"]["spearman"]


def test_wild_types_are_recovered_or_beside(tmp_path: Path) -> None:
    write(tmp_path / "A.csv", MUTANTS[1:])
    assert read_assay(tmp_path / "A.csv").wild_type == WILD
    (tmp_path / "B.csv").write_text("mutant,DMS_score\nK2R,1\nWT,0\n")
    with pytest.raises(InputError, match="wild type is not known"):
        read_assay(tmp_path / "B.csv")
    (tmp_path / "B.fasta").write_text(f">w\n{WILD}\n")
    assert read_assay(tmp_path / "B.csv").wild_type == WILD
    assert len(read_assay(tmp_path / "B.csv").mutants) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("K2R,MKTA,1", "K2R is not in the sequence"),
        ("K9R,MRTA,1", "K9R is not in the sequence"),
        ("K2R,MRTA,1\nA3G,MKGA,1", "Line 3"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "A.csv").write_text(f"mutant,mutated_sequence,DMS_score\n{row}\n")
    with pytest.raises(InputError, match=said):
        read_assay(tmp_path / "A.csv")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no assay"):
        evaluate_assays(lambda *given: [], tmp_path)
    write(tmp_path / "A.csv")
    with pytest.raises(InputError, match="'A' has no alignment"):
        evaluate_assays(lambda *given: [], tmp_path, context=tmp_path)


def test_real_beta_lactamase(shared: Path, tmp_path: Path, tiny) -> None:
    rows, wild, scan = [], None, []
    text = gzip.open(shared / "data/seq/protein_dms_blat_P62593.fasta.gz", "rt").read()
    for entry in text.split(">")[1:]:
        head, _, sequence = entry.partition("\n")
        _, name, score = head.split("|")
        scan.append((name.rpartition("_")[2], sequence.replace("\n", ""), score))
    # The scan holds silent changes too: those rows are the wild type.
    wild = next(sequence for change, sequence, _ in scan if change[0] == change[-1])
    rows = [f"{change},{sequence},{score}" for change, sequence, score in scan]
    (tmp_path / "BLAT.csv").write_text("\n".join(["mutant,mutated_sequence,DMS_score", *rows]))
    assay = read_assay(tmp_path / "BLAT.csv")
    assert assay.wild_type == wild
    assert len(assay.mutants) == len(scan) == 5397
    report = evaluate_assays(
        lambda wild, mutants, homologs: score_mutants(tiny("protein"), wild, mutants),
        tmp_path,
        limit=12,
    )
    assert report.rows[0]["mutants"] == 12
    assert -1 <= report.rows[0]["spearman"] <= 1
