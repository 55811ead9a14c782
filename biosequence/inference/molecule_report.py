"""How good a set of molecules is: valid, different from each other, new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..tokenizers.smiles_chemistry import canonical_smiles


@dataclass(frozen=True)
class MoleculeReport:
    """Counts over a set of molecules, and the shares that papers report.

    Parameters
    ----------
    num_molecules
        All of them.
    num_valid
        Those that are molecules with possible valences.
    num_unique
        Different structures among the valid.
    num_novel
        Those of the different ones that the reference does not have; None without a reference.
    """

    num_molecules: int
    num_valid: int
    num_unique: int
    num_novel: int | None = None

    @property
    def validity(self) -> float:
        """Valid of all."""
        return _share(self.num_valid, self.num_molecules)

    @property
    def uniqueness(self) -> float:
        """Different structures of the valid."""
        return _share(self.num_unique, self.num_valid)

    @property
    def novelty(self) -> float | None:
        """Structures that are not in the reference, of the different ones."""
        return None if self.num_novel is None else _share(self.num_novel, self.num_unique)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; novelty only where there was a reference."""
        found: dict[str, Any] = {
            "molecules": self.num_molecules,
            "valid": self.num_valid,
            "unique": self.num_unique,
            "validity": round(self.validity, 6),
            "uniqueness": round(self.uniqueness, 6),
        }
        if self.num_novel is not None:
            found |= {"novel": self.num_novel, "novelty": round(self.novelty or 0.0, 6)}
        return found


def report_molecules(
    molecules: Iterable[str], reference: Iterable[str] | None = None
) -> MoleculeReport:
    """Validity, uniqueness and novelty of some SMILES, by their canonical form.

    Parameters
    ----------
    molecules
        SMILES; empty ones count as not valid.
    reference
        Known molecules; taken one at a time, what is not valid among them is passed over.

    Examples
    --------
    >>> found = report_molecules(["CCO", "OCC", "C(", "CN"], reference=["NC"])
    >>> found.num_valid, found.num_unique, found.num_novel, found.validity
    (3, 2, 1, 0.75)
    """
    number = valid = 0
    different: set[str] = set()
    for smiles in molecules:
        number += 1
        one = _canonical(smiles)
        if one is not None:
            valid += 1
            different.add(one)
    if reference is None:
        return MoleculeReport(number, valid, len(different))
    known = {one for smiles in reference if (one := _canonical(smiles)) in different}
    return MoleculeReport(number, valid, len(different), len(different) - len(known))


def _canonical(smiles: str) -> str | None:
    try:
        return canonical_smiles(smiles)
    except InputError:
        return None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
