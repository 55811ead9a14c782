"""Molecules by their ring systems (Bemis and Murcko 1996)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


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
    from rdkit.Chem.Scaffolds import MurckoScaffold

    found = []
    # What cannot be read is counted by whoever asks; a line for each on stderr helps nobody.
    with rdBase.BlockLogs():
        for text in texts:
            # RDKit takes what follows a blank for a name.
            molecule = Chem.MolFromSmiles(text) if text and not _blank(text) else None
            if molecule is None or not molecule.GetNumAtoms():
                found.append(Canonical("", ""))
                continue
            scaffold = ""
            if scaffolds and molecule.GetRingInfo().NumRings():
                rings = MurckoScaffold.GetScaffoldForMol(molecule)
                # Mirror images of a ring system are one scaffold.
                scaffold = Chem.MolToSmiles(rings, isomericSmiles=False)
            found.append(Canonical(Chem.MolToSmiles(molecule), scaffold))
    return found


def canonical_without_scaffolds(texts: Sequence[str]) -> list[Canonical]:
    """As :func:`canonical_molecules`, for work that has no use for scaffolds."""
    return canonical_molecules(texts, scaffolds=False)


def _blank(text: str) -> bool:
    return any(letter.isspace() for letter in text)
