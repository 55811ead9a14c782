"""Simulated families: pieces of real training proteins, copied with substitutions, gaps, inserts.

Real families are few, far apart and long. In simulated ones the second sequence already tells what
reading the first was worth, so that a model learns within a million tokens to look things up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from Bio.Align import substitution_matrices

from .baselines import RESIDUES
from .settings import Settings

_LETTERS = np.array(list(RESIDUES))
# Insertions and deletions have a mean length of 1 / _STOP.
_STOP = 0.4
_SHORTEST = 8


class Mutator:
    """Draws relatives of a protein.

    What a residue becomes is drawn as BLOSUM62 says: in proportion to how often the other one is,
    times how much more often the two are aligned than chance would have it.

    Parameters
    ----------
    frequencies
        Of residues, in training.

    Examples
    --------
    >>> mutator = Mutator(dict.fromkeys(RESIDUES, 0.05))
    >>> mutator("MKTAYIAKQR", np.random.default_rng(0), changed=0.0, gaps=0.0)
    'MKTAYIAKQR'
    """

    def __init__(self, frequencies: Mapping[str, float]) -> None:
        matrix = substitution_matrices.load("BLOSUM62")
        # BLOSUM62 is in half bits.
        odds = np.array([[2 ** (matrix[a][b] / 2) for b in RESIDUES] for a in RESIDUES])
        self._frequencies = np.array([frequencies[one] for one in RESIDUES])
        self._frequencies /= self._frequencies.sum()
        shares = odds * self._frequencies * (1 - np.eye(len(RESIDUES)))
        self._upto = (shares / shares.sum(1, keepdims=True)).cumsum(1)

    def __call__(
        self, sequence: str, chance: np.random.Generator, *, changed: float, gaps: float
    ) -> str:
        """A copy in which a share `changed` of residues is another, with `gaps` per residue."""
        old = np.array([RESIDUES.find(one) for one in sequence])
        new = np.array(list(sequence))
        hit = np.flatnonzero((chance.random(len(old)) < changed) & (old >= 0))
        drawn = (chance.random((len(hit), 1)) > self._upto[old[hit]]).sum(1)
        new[hit] = _LETTERS[np.minimum(drawn, len(RESIDUES) - 1)]
        for _ in range(chance.poisson(gaps * len(old))):
            at, size = int(chance.integers(len(new) + 1)), int(chance.geometric(_STOP))
            if chance.random() < 0.5 and len(new) > size + _SHORTEST:
                new = np.delete(new, slice(at, at + size))
            else:
                new = np.insert(new, at, chance.choice(_LETTERS, size, p=self._frequencies))
        return "".join(new)


def simulated_families(
    groups: Sequence[Sequence[str]],
    frequencies: Mapping[str, float],
    settings: Settings,
    chance: np.random.Generator,
) -> dict[str, list[str]]:
    """Families of mutated copies of pieces of training proteins.

    Parameters
    ----------
    groups
        Training proteins; groups are drawn evenly, whatever their size.
    frequencies
        Of residues, in training.
    settings
        The fields `copies` and `copy_...`.
    chance
        Source of chance.
    """
    mutator = Mutator(frequencies)
    found = {}
    for number in range(settings.copies):
        group = groups[chance.integers(len(groups))]
        protein = group[chance.integers(len(group))]
        low, high = settings.copy_lengths
        size = min(int(chance.integers(low, high + 1)), len(protein))
        start = int(chance.integers(len(protein) - size + 1))
        piece, changed = protein[start : start + size], chance.uniform(*settings.copy_changes)
        members: list[str] = []
        while sum(map(len, members)) + len(members) < settings.copy_tokens:
            members.append(mutator(piece, chance, changed=changed, gaps=settings.copy_gaps))
        found[f"copies/{number}"] = members
    return found
