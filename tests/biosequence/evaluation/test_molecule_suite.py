"""Written molecules: shares by canonical structure, novelty against the training set alone."""

from __future__ import annotations

import csv
import gzip
from itertools import islice
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.evaluation import evaluate_molecules
from biosequence.evaluation.molecule_sets import (
    internal_diversity,
    properties,
    structure,
)
from biosequence.inference import report_molecules
from biosequence.tokenizers.smiles_chemistry import canonical_smiles

TRAINING = ["CCO", "c1ccccc1CC", "C1CCCCC1N", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "c1ccncc1"]


def test_the_training_set_itself_has_no_novelty_and_no_distance() -> None:
    found = evaluate_molecules(TRAINING, TRAINING).summary
    assert (found["validity"], found["uniqueness"], found["novelty"]) == (1.0, 1.0, 0.0)
    assert found["scaffold_novelty"] == 0.0
    assert found["molecular_weight_distance"] == found["qed_distance"] == 0.0


def test_other_spellings_of_the_training_set_are_not_new() -> None:
    found = evaluate_molecules(["OCC", "C(C)O", "NCC"], TRAINING).summary
    assert found["novelty"] == 0.0
    assert found["uniqueness"] == pytest.approx(2 / 3)


def test_novelty_is_not_counted_against_the_reference() -> None:
    found = evaluate_molecules(["CCCCO"], TRAINING, reference=["CCCCO"]).summary
    assert found["novelty"] == 1.0
    assert found["logp_distance"] == 0.0
    other = evaluate_molecules(["CCCCO"], ["CCCCO"], reference=TRAINING).summary
    assert other["novelty"] == 0.0
    assert other["logp_distance"] > 0


def test_shares_are_those_of_generate() -> None:
    texts = ["CCO", "OCC", "C(", "", "CN", "c1ccccc1", "C(C)(C)(C)(C)C"]
    report = evaluate_molecules(texts, ["NC", "not one"])
    ours, theirs = report.summary, report_molecules(texts, ["NC", "not one"])
    assert ours["validity"] == pytest.approx(theirs.validity)
    assert ours["uniqueness"] == pytest.approx(theirs.uniqueness)
    assert ours["novelty"] == pytest.approx(theirs.novelty)


def test_structures_are_those_of_the_tokenizers() -> None:
    for smiles in (*TRAINING, "C[C@@H](N)C(=O)O", "F/C=C/F", "[2H]O"):
        assert structure(smiles).smiles == canonical_smiles(smiles)


def test_scaffolds_are_rings_and_linkers() -> None:
    assert structure("OCCc1ccc(Cl)cc1").scaffold == "c1ccccc1"
    assert structure("CCO").scaffold == ""
    found = evaluate_molecules(["Oc1ccccc1", "C1CC1C", "CCO"], TRAINING)
    rows = {row["figure"]: row for row in found.rows}
    assert rows["scaffolds"]["value"] == 2
    assert rows["scaffold_novelty"]["value"] == 0.5


def test_a_complex_whose_rings_alone_are_refused_is_still_a_molecule() -> None:
    found = structure("[Cl-].[NH2][Co+3]([NH2])([NH2])([NH2])([NH2])<-[n-]1nnc(-c2ccccc2)n1")
    assert found is not None
    assert found.scaffold == ""
    assert evaluate_molecules([found.smiles], ["CCO"]).summary["validity"] == 1


def test_diversity_is_between_none_and_all() -> None:
    assert internal_diversity(["CCO"]) is None
    assert internal_diversity(["CCO"] * 3) == pytest.approx(0)
    mixed = internal_diversity(["CCO", "c1ccccc1", "N#N"])
    assert 0.8 < mixed <= 1


def test_properties_have_their_units() -> None:
    found = properties(["c1ccccc1"])
    assert found["molecular_weight"][0] == pytest.approx(78.11, abs=0.01)
    assert found["logp"][0] == pytest.approx(1.69, abs=0.01)
    assert 0 < found["qed"][0] < 1


def test_nothing_valid_is_reported_and_nothing_at_all_refused() -> None:
    report = evaluate_molecules(["C(", "x"], TRAINING)
    assert report.summary["validity"] == 0.0
    assert report.summary["uniqueness"] is None
    with pytest.raises(InputError, match="no molecule to judge"):
        evaluate_molecules([], TRAINING)
    with pytest.raises(InputError, match="compare with"):
        evaluate_molecules(["C"], ["x"])


def test_the_distance_of_chemnet_names_what_is_missing(monkeypatch) -> None:
    from biosequence.evaluation import molecules

    monkeypatch.setattr(molecules, "find_spec", lambda name: None)
    report = evaluate_molecules(TRAINING, TRAINING)
    assert report.summary["fcd"] is None
    assert any('pip install "bioseq-toolkit[fcd]"' in note for note in report.notes)


def test_the_distance_of_chemnet_is_asked_for_where_it_is_there(monkeypatch) -> None:
    import sys
    from types import ModuleType

    from biosequence.evaluation import molecules

    package = ModuleType("fcd")
    package.get_fcd = lambda one, two: len(one) + len(two) / 100
    monkeypatch.setitem(sys.modules, "fcd", package)
    monkeypatch.setattr(molecules, "find_spec", lambda name: object())
    report = evaluate_molecules(["CCO", "CN", "C("], TRAINING)
    assert report.summary["fcd"] == pytest.approx(2.06)


def test_real_molecules(shared: Path) -> None:
    with gzip.open(shared / "data/seq/smiles_canonical.csv.gz", "rt") as handle:
        texts = [row["smiles"] for row in islice(csv.DictReader(handle), 400)]
    report = evaluate_molecules(texts[:100], texts[50:])
    assert report.summary["validity"] == 1.0
    assert report.summary["novelty"] == pytest.approx(0.5, abs=0.02)
    assert report.summary["internal_diversity"] > 0.8
