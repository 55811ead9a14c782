"""Molecules ready to be compared: canonical, with scaffolds, fingerprints and properties."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import InputError
from ..tokenizers.smiles_chemistry import canonical_smiles

PROPERTIES = ("molecular_weight", "logp", "qed")
"""What distributions are compared: daltons, Crippen's logP, drug-likeness from 0 to 1."""
RADIUS, BITS = 2, 1024
"""Of Morgan fingerprints."""


def canonical(smiles: str) -> str | None:
    """The canonical form; None where it is no molecule.

    Examples
    --------
    >>> canonical("OCC"), canonical("C(")
    ('CCO', None)
    """
    try:
        return canonical_smiles(smiles)
    except InputError:
        return None


def scaffold(smiles: str) -> str:
    """Bemis and Murcko's scaffold: rings and what joins them; "" for a molecule without rings.

    Examples
    --------
    >>> scaffold("CCc1ccccc1"), scaffold("CCO")
    ('c1ccccc1', '')
    """
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    return Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(Chem.MolFromSmiles(smiles)))


def scaffolds(molecules: Iterable[str]) -> set[str]:
    """Different scaffolds of some valid molecules, the empty one left out."""
    return {scaffold(one) for one in molecules} - {""}


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
