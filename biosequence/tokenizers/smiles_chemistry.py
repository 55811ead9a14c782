"""What needs a chemistry library: canonical and random SMILES, and whether a SMILES is valid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .smiles_syntax import atom_positions, find_fault

if TYPE_CHECKING:
    from rdkit.Chem import Mol

_ATOM_NUMBER = re.compile(r"atom # ([0-9]+)")


def is_valid(smiles: str) -> bool:
    """Whether a text is the SMILES of a molecule with possible valences; empty text is not.

    Examples
    --------
    >>> is_valid("c1ccccc1"), is_valid("c1ccccc"), is_valid("C(C)(C)(C)(C)C")
    (True, False, False)
    """
    return bool(smiles) and _molecule(smiles) is not None


def canonical_smiles(smiles: str, *, stereo: bool = True, name: str = "") -> str:
    """The canonical SMILES of a molecule: one text for one structure.

    Parameters
    ----------
    smiles
        Any SMILES of it.
    stereo
        Keep stereochemistry and isotopes.
    name
        Name of the molecule, for messages.

    Raises
    ------
    InputError
        If the SMILES is not valid; the position is named where it is known.

    Examples
    --------
    >>> canonical_smiles("OCC"), canonical_smiles("C(O)C")
    ('CCO', 'CCO')
    """
    from rdkit import Chem

    return Chem.MolToSmiles(_valid(smiles, name), isomericSmiles=stereo)


def random_smiles(
    smiles: str, generator: np.random.Generator, *, number: int = 1, name: str = ""
) -> list[str]:
    """Other SMILES of the same molecule, in random orders of its atoms; for augmentation.

    The same generator state gives the same SMILES.

    Parameters
    ----------
    smiles
        Any SMILES of it.
    generator
        Source of chance.
    number
        How many; they may repeat.
    name
        Name of the molecule, for messages.

    Raises
    ------
    InputError
        If the SMILES is not valid; the position is named where it is known.

    Examples
    --------
    >>> found = random_smiles("CCO", np.random.default_rng(0), number=5)
    >>> {canonical_smiles(one) for one in found}
    {'CCO'}
    """
    from rdkit import Chem

    molecule = _valid(smiles, name)
    # rdkit reads 0 as "no seed".
    seed = int(generator.integers(1, 2**31 - 1))
    return list(Chem.MolToRandomSmilesVect(molecule, number, randomSeed=seed))


def _valid(smiles: str, name: str) -> Mol:
    molecule = _molecule(smiles) if smiles else None
    if molecule is None:
        position, reason = _explain(smiles)
        place = f"position {position + 1}" if position is not None else ""
        about = f"molecule {name!r}" if name else f"SMILES {smiles[:80]!r}"
        raise InputError(
            f"The SMILES is not valid: {reason}{f' at {place}' if place else ''}.",
            where=", ".join(filter(None, [about, place])),
            fix="Correct it, or leave the molecule out.",
        )
    return molecule


def _molecule(smiles: str) -> Mol | None:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles)


def _explain(smiles: str) -> tuple[int | None, str]:
    from rdkit import Chem, rdBase

    if not smiles:
        return None, "it is empty"
    fault = find_fault(smiles)
    if fault is not None:
        return fault
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, sanitize=False)
        problems = Chem.DetectChemistryProblems(molecule) if molecule is not None else ()
    if not problems:
        return None, "it cannot be read"
    problem, atoms = problems[0], atom_positions(smiles)
    numbers = getattr(problem, "GetAtomIndices", lambda: [problem.GetAtomIdx()])()
    position = atoms[numbers[0]] if numbers and numbers[0] < len(atoms) else None
    # Only the sentence: its atom numbers mean nothing to a reader of the text.
    reason = _ATOM_NUMBER.sub("atom", problem.Message()).partition(".")[0]
    return position, reason[:1].lower() + reason[1:]
