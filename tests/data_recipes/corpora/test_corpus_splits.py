"""Splits: parts of the wanted size, and nothing that belongs together in two of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.corpora.cells.donors import donor_splits
from bioseq_recipes.corpora.splits import (
    Fractions,
    assign_groups,
    fill_largest_first,
    homology_clusters,
    linked_groups,
    murcko_scaffold,
    split_of_key,
    strand_key,
)
from bioseq_recipes.corpora.splits.molecule_scaffolds import canonical_molecules

from biosequence.errors import UsageError

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def protein(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list(RESIDUES), length))


def mutated(rng: np.random.Generator, text: str, part: float) -> str:
    letters = list(text)
    for place in np.flatnonzero(rng.random(len(text)) < part):
        letters[place] = RESIDUES[rng.integers(len(RESIDUES))]
    return "".join(letters)


def test_a_key_stays_and_parts_are_met() -> None:
    fractions = Fractions(0.1, 0.2)
    splits = [split_of_key(f"key{number}", fractions) for number in range(20_000)]
    assert splits == [split_of_key(f"key{number}", fractions) for number in range(20_000)]
    assert abs(splits.count("test") / 20_000 - 0.2) < 0.02
    assert abs(splits.count("validation") / 20_000 - 0.1) < 0.02
    assert split_of_key("a", Fractions(seed=1)) in ("train", "validation", "test")
    other = [split_of_key(f"key{number}", Fractions(0.1, 0.2, seed=1)) for number in range(20_000)]
    assert splits != other


def test_groups_fill_their_parts_whatever_their_sizes() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.pareto(1.0, 3000).astype(int) + 1
    splits = np.array(assign_groups([f"g{n}" for n in range(3000)], sizes.tolist(), Fractions()))
    for name in ("validation", "test"):
        part = sizes[splits == name].sum() / sizes.sum()
        assert 0.045 < part <= 0.05
    assert splits[sizes.argmax()] == "train"


def test_few_groups_give_each_wanted_part_one() -> None:
    splits = assign_groups(["a", "b", "c"], [5, 3, 9], Fractions())
    assert sorted(splits) == ["test", "train", "validation"]
    assert splits[2] == "train"
    assert assign_groups(["a"], [5], Fractions()) == ["train"]
    assert assign_groups(["a", "b"], [5, 5], Fractions(0.0, 0.1)).count("validation") == 0


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.0, 1.0)])
def test_parts_that_leave_nothing_are_refused(validation: float, test: float) -> None:
    with pytest.raises(UsageError, match="leave nothing"):
        Fractions(validation, test)


def test_the_largest_scaffolds_train() -> None:
    sizes = [1, 50, 30, 1, 1, 1, 1, 5, 5, 5]
    splits = fill_largest_first(sizes, Fractions(0.1, 0.1))
    assert splits[1] == splits[2] == "train"
    total = {
        name: sum(s for s, n in zip(sizes, splits, strict=True) if n == name) for name in splits
    }
    assert total == {"train": 80, "validation": 10, "test": 10}


def test_links_hang_together_whatever_their_order() -> None:
    first, second = np.array([5, 2, 0]), np.array([2, 0, 5])
    assert linked_groups(6, first, second).tolist() == [0, 1, 0, 2, 3, 0]


def test_relatives_are_one_cluster_and_strangers_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    family_of, sequences = [], []
    for family in range(40):
        ancestor = protein(rng, int(rng.integers(150, 400)))
        for _ in range(5):
            start = int(rng.integers(0, 20))
            # A fifth of the residues is another one, and the ends differ.
            sequences.append(mutated(rng, ancestor, 0.2)[start:])
            family_of.append(family)
    found = homology_clusters(sequences, tmp_path)
    members = defaultdict(set)
    for cluster, family in zip(found.tolist(), family_of, strict=True):
        members[cluster].add(family)
    assert all(len(families) == 1 for families in members.values())
    assert len(members) == 40


def test_clusters_do_not_depend_on_case_and_ignore_unknown_letters(tmp_path: Path) -> None:
    kin = protein(np.random.default_rng(2), 120)
    masked = "X" * 120
    found = homology_clusters([kin, kin.lower(), masked, masked, "", "MK"], tmp_path)
    assert found.tolist() == [0, 0, 1, 2, 3, 4]
    assert list(tmp_path.iterdir()) == []


def test_runs_of_few_letters_relate_nobody(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    run = "QQQQAQQQAQQQQQQAQQQQ" * 3
    found = homology_clusters([protein(rng, 100) + run, run + protein(rng, 100)], tmp_path)
    assert found.tolist() == [0, 1]


def test_no_protein_at_all(tmp_path: Path) -> None:
    assert homology_clusters([], tmp_path).tolist() == []


def test_both_strands_have_one_key() -> None:
    assert strand_key("acgtt") == strand_key("AACGT") != strand_key("AACGA")


def test_scaffolds_leave_side_chains_and_mirror_images_out() -> None:
    one, other = "C[C@H]1CCCN(Cc2ccccc2)C1", "CC[C@@H]1CCCN(Cc2ccccc2Cl)C1"
    assert murcko_scaffold(one) == murcko_scaffold(other) != ""
    assert murcko_scaffold("CCCC") == ""


def test_a_scaffold_that_rdkit_cannot_cut_free_is_still_found() -> None:
    complex_ = "[Cl-].[NH2][Co+3]([NH2])([NH2])([NH2])([NH2])<-[n-]1nnc(-c2ccccc2)n1"
    (found,) = canonical_molecules([complex_])
    assert found.scaffold == murcko_scaffold(complex_)
    assert found.scaffold.count("c") > 5


def test_unreadable_molecules_are_said_to_be_so(capfd: pytest.CaptureFixture[str]) -> None:
    found = canonical_molecules(["OCC", "", "C1CC(", "CCO name", "not"])
    assert [one.smiles for one in found] == ["CCO", "", "", "", ""]
    assert capfd.readouterr().err == ""


def test_no_donor_is_in_two_splits() -> None:
    rng = np.random.default_rng(4)
    donors = rng.choice([f"D{number}" for number in range(60)], 5000).astype(object)
    donors[:400] = "unknown"
    studies = rng.choice(["s1", "s2", "s3"], 5000)
    options = {"validation": 0.2, "test": 0.2, "seed": 0}
    splits = donor_splits(donors, studies, options)
    assert {*splits} == {"train", "validation", "test"}
    named = donors != "unknown"
    for donor in set(donors[named]):
        assert len({*splits[donors == donor]}) == 1
    for study in np.unique(studies):
        assert len({*splits[~named & (studies == study)]}) == 1
