"""Chemistry of SMILES: one text for one molecule, others on demand, faults with their place."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from biosequence.errors import InputError
from biosequence.tokenizers.smiles_chemistry import canonical_smiles, is_valid, random_smiles
from biosequence.tokenizers.smiles_syntax import atom_positions, find_fault

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
VALID = [ASPIRIN, r"F/C=C\F", "[Na+].[Cl-]", "C%10CCC%10", "[13CH4]", "N[C@@H](C)O",
         "C%(12)CCC%(12)", "*[Pt+2](<-N)", "[Co@OH12](N)(Cl)(Br)(F)(I)O"]  # fmt: skip


@pytest.mark.parametrize("smiles", VALID[:6])
def test_random_smiles_are_the_same_molecule(smiles: str) -> None:
    found = random_smiles(smiles, np.random.default_rng(0), number=20)
    assert len(found) == 20
    assert {canonical_smiles(one) for one in found} == {canonical_smiles(smiles)}


def test_random_smiles_differ_and_repeat_with_the_seed() -> None:
    first = random_smiles(ASPIRIN, np.random.default_rng(5), number=10)
    assert len(set(first)) > 3
    assert first == random_smiles(ASPIRIN, np.random.default_rng(5), number=10)
    assert first != random_smiles(ASPIRIN, np.random.default_rng(6), number=10)


def test_stereochemistry_can_be_left_out() -> None:
    assert canonical_smiles("N[C@@H](C)O", stereo=False) == "CC(N)O"
    assert "@" in canonical_smiles("N[C@@H](C)O")


@pytest.mark.parametrize(
    ("smiles", "position", "reason"),
    [
        ("CC(C", 3, "a branch is opened"),
        ("CC)C", 3, "a branch is closed"),
        ("C1CC", 2, "the ring 1"),
        ("C%10CC", 2, "the ring 10"),
        ("C[13C", 2, "a bracket is opened"),
        ("C]C", 2, "a bracket is closed"),
        ("C[]C", 2, "a bracket holds no atom"),
        ("C[N[H]]", 4, "a bracket is opened inside"),
        ("C[Fo]C", 2, "[Fo] is no bracket atom"),
        ("CC?C", 3, "'?' is no part of SMILES"),
        ("CCC(C)(C)(C)C", 3, "explicit valence"),
        ("CC.[nH]C", 4, ""),
    ],
)
def test_a_fault_is_named_with_its_place(smiles: str, position: int, reason: str) -> None:
    assert not is_valid(smiles)
    with pytest.raises(InputError) as caught:
        canonical_smiles(smiles, name="mol7")
    assert f"position {position}" in caught.value.where
    assert "'mol7'" in caught.value.where
    assert reason in caught.value.what


def test_empty_text_is_no_molecule() -> None:
    assert not is_valid("")
    with pytest.raises(InputError, match="it is empty"):
        random_smiles("", np.random.default_rng(0))


@pytest.mark.parametrize("smiles", VALID)
def test_valid_smiles_have_no_fault_and_their_atoms_are_found(smiles: str) -> None:
    assert is_valid(smiles)
    assert find_fault(smiles) is None
    assert len(atom_positions(smiles)) == Chem.MolFromSmiles(smiles).GetNumAtoms()


def test_a_fault_is_silent(capfd: pytest.CaptureFixture) -> None:
    is_valid("c1ccccc")
    with pytest.raises(InputError):
        canonical_smiles("c1cccc1")
    assert capfd.readouterr() == ("", "")
