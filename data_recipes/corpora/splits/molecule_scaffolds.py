"""Molecules by their ring systems (Bemis and Murcko 1996)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rdkit.Chem import Mol


class Canonical(NamedTuple):
    """A molecule in its canonical text, and its scaffold; both "" when it cannot be read."""

    smiles: str
    scaffold: str


def murcko_scaffold(smiles: str) -> str:
    """The rings of a molecule and what links them, as canonical SMILES; "" for chains.

    Examples
    --------
    >>> murcko_scaffold("CCc1ccccc1"), murcko_scaffold("CCO")
    ('c1ccccc1', '')
    """
    return canonical_molecules([smiles])[0].scaffold


def canonical_molecules(texts: Sequence[str], *, scaffolds: bool = True) -> list[Canonical]:
    """Each SMILES in RDKit's canonical form with its scaffold.

    Parameters
    ----------
    texts
        SMILES; one that RDKit cannot read, or that holds a blank, gives empty texts.
    scaffolds
        Find the scaffolds too; False: they are "".

    Examples
    --------
    >>> canonical_molecules(["OCC", "C1CC1(", "CCO ethanol"])
    [Canonical(smiles='CCO', scaffold=''), Canonical(smiles='', scaffold=''), ...]
    """
    from rdkit import Chem, rdBase

    found = []
    # What cannot be read is counted by whoever asks; a line for each on stderr helps nobody.
    with rdBase.BlockLogs():
        for text in texts:
            # RDKit takes what follows a blank for a name.
            molecule = Chem.MolFromSmiles(text) if text and not _blank(text) else None
            if molecule is None or not molecule.GetNumAtoms():
                found.append(Canonical("", ""))
                continue
            rings = scaffolds and molecule.GetRingInfo().NumRings()
            scaffold = _scaffold(molecule) if rings else ""
            found.append(Canonical(Chem.MolToSmiles(molecule), scaffold))
    return found


def canonical_without_scaffolds(texts: Sequence[str]) -> list[Canonical]:
    """As :func:`canonical_molecules`, for work that has no use for scaffolds."""
    return canonical_molecules(texts, scaffolds=False)


def _scaffold(molecule: Mol) -> str:
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    try:
        rings = MurckoScaffold.GetScaffoldForMol(molecule)
    except ValueError:
        # Cutting side chains off can leave RDKit an atom of a charge that it does not allow.
        return _core(molecule)
    # Mirror images of a ring system are one scaffold.
    return Chem.MolToSmiles(rings, isomericSmiles=False)


def _core(molecule: Mol) -> str:
    """Rings and what links them as they stand in the molecule, found by cutting off ends."""
    from rdkit import Chem

    degree = {atom.GetIdx(): atom.GetDegree() for atom in molecule.GetAtoms()}
    ends = [index for index, count in degree.items() if count <= 1]
    while ends:
        end = ends.pop()
        del degree[end]
        for neighbour in molecule.GetAtomWithIdx(end).GetNeighbors():
            index = neighbour.GetIdx()
            if index in degree:
                degree[index] -= 1
                if degree[index] == 1:
                    ends.append(index)
    return Chem.MolFragmentToSmiles(molecule, sorted(degree), isomericSmiles=False)


def _blank(text: str) -> bool:
    return any(letter.isspace() for letter in text)
