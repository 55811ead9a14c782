"""Molecules ready to be compared: structures, scaffolds, fingerprints and properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ..tokenizers import BioTokenizer

PROPERTIES = ("molecular_weight", "logp", "qed")
"""What distributions are compared: daltons, Crippen's logP, drug-likeness from 0 to 1."""
RADIUS, BITS = 2, 1024
"""Of Morgan fingerprints."""


def smiles_of(tokenizer: BioTokenizer, ids: np.ndarray) -> str:
    """The SMILES that some tokens stand for, also where they are SELFIES.

    Examples
    --------
    >>> from biosequence.tokenizers import SmilesTokenizer
    >>> smiles_of(SmilesTokenizer(), SmilesTokenizer().encode("CCO"))
    'CCO'
    """
    text = tokenizer.decode(ids, skip_special_tokens=True)
    if tokenizer.name == "selfies":
        from ..tokenizers.smiles_selfies import to_smiles

        return to_smiles(text)
    return text


class Structure(NamedTuple):
    """A molecule as sets compare it."""

    smiles: str
    """Canonical SMILES."""
    scaffold: str
    """Bemis and Murcko's: rings and what joins them; "" for a molecule without rings, and for the
    rare complex whose rings alone rdkit refuses."""


def structure(smiles: str) -> Structure | None:
    """A molecule, read once; None where the text is none, or its valences are impossible.

    Examples
    --------
    >>> structure("OCCc1ccccc1")
    Structure(smiles='OCCc1ccccc1', scaffold='c1ccccc1')
    >>> structure("C("), structure("")
    (None, None)
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    with rdBase.BlockLogs():
        try:
            frame = Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(molecule))
        except ValueError:
            # Cutting side chains off can leave an atom with a valence that rdkit does not allow.
            frame = ""
    return Structure(Chem.MolToSmiles(molecule), frame)


def properties(molecules: Sequence[str]) -> dict[str, np.ndarray]:
    """Each of :data:`PROPERTIES` for valid molecules, (N,) float64.

    Examples
    --------
    >>> round(float(properties(["CCO"])["molecular_weight"][0]), 2)
    46.07
    """
    from rdkit import Chem
    from rdkit.Chem import QED, Crippen, Descriptors

    compute = dict(zip(PROPERTIES, (Descriptors.MolWt, Crippen.MolLogP, QED.qed), strict=True))
    read = [Chem.MolFromSmiles(one) for one in molecules]
    return {name: np.array([of(one) for one in read]) for name, of in compute.items()}


def internal_diversity(molecules: Sequence[str]) -> float | None:
    """One minus the mean Tanimoto similarity of all pairs; None with fewer than two molecules.

    Morgan fingerprints of radius 2 and 1024 bits; a molecule is not paired with itself.

    Examples
    --------
    >>> internal_diversity(["CCO", "CCO"])
    0.0
    """
    if len(molecules) < 2:
        return None
    bits = _fingerprints(molecules)
    both = bits @ bits.T
    sizes = bits.sum(1)
    either = sizes[:, None] + sizes[None, :] - both
    similar = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    pairs = len(molecules) * (len(molecules) - 1)
    return float(1 - (similar.sum(dtype=np.float64) - len(molecules)) / pairs)


def _fingerprints(molecules: Sequence[str]) -> np.ndarray:
    """(N, bits) float32 of zeros and ones."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    maker = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    read = (Chem.MolFromSmiles(one) for one in molecules)
    return np.array([maker.GetFingerprintAsNumPy(one) for one in read], dtype=np.float32)
