"""What a model must beat: counting, matrices and scales, without any training by gradient."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from Bio.Align import substitution_matrices
from Bio.SeqUtils.ProtParamData import kd

from biosequence.io import Mutation

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
Mutants = Sequence[tuple[Mutation, ...]]


def residue_frequencies(sequences: Iterable[str]) -> dict[str, float]:
    """How often each of the twenty residues is.

    Examples
    --------
    >>> round(residue_frequencies(["AAC"])["A"], 2)
    0.13
    """
    counts = Counter("".join(sequences))
    total = sum(counts[one] + 1 for one in RESIDUES)
    return {one: (counts[one] + 1) / total for one in RESIDUES}


class NgramScorer:
    """Log-likelihood of a protein from the words of its homologs (Witten and Bell 1991).

    A residue is predicted from what followed the `order` residues before it in the homologs;
    shorter words and in the end the frequencies of training stand in for what was not seen.

    Parameters
    ----------
    frequencies
        Of residues, in training.
    order
        Residues that are looked back.

    Examples
    --------
    >>> scorer = NgramScorer(residue_frequencies(["ACDEFGHIKL"]))
    >>> alone, count = scorer("ACDEF", [])
    >>> scorer("ACDEF", ["ACDEF"])[0] > alone, count
    (True, 5)
    """

    def __init__(self, frequencies: Mapping[str, float], order: int = 4) -> None:
        self._frequencies, self._order = frequencies, order

    def __call__(self, sequence: str, before: Sequence[str]) -> tuple[float, int]:
        """Log-likelihood of a protein after others, and how many residues it has."""
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for homolog in before:
            text = "^" + homolog
            for at in range(1, len(text)):
                for back in range(min(self._order, at) + 1):
                    seen[text[at - back : at]][text[at]] += 1
        text = "^" + sequence
        total = 0.0
        for at in range(1, len(text)):
            share = self._frequencies.get(text[at], min(self._frequencies.values()))
            for back in range(min(self._order, at) + 1):
                followed = seen.get(text[at - back : at])
                if followed is None:
                    break
                kinds = len(followed)
                share = (followed[text[at]] + kinds * share) / (followed.total() + kinds)
            total += math.log(share)
        return total, len(sequence)


def blosum62(wild: str, mutants: Mutants, homologs: Sequence[str]) -> list[float]:
    """Sum of BLOSUM62 over the mutations."""
    matrix = substitution_matrices.load("BLOSUM62")
    return [float(sum(matrix[one.wild][one.mutant] for one in mutant)) for mutant in mutants]


def hydrophobicity(wild: str, mutants: Mutants, homologs: Sequence[str]) -> list[float]:
    """Minus the change on the scale of Kyte and Doolittle."""
    return [-sum(abs(kd[one.wild] - kd[one.mutant]) for one in mutant) for mutant in mutants]


class SiteFrequencies:
    """Log-ratio of residue frequencies in the column of an alignment.

    Parameters
    ----------
    columns
        Residues of the aligned proteins at each position.
    frequencies
        Of residues, in training.
    weight
        How many observations the frequencies count for.
    """

    def __init__(
        self, columns: Sequence[str], frequencies: Mapping[str, float], weight: float = 5.0
    ) -> None:
        self._columns, self._frequencies, self._weight = columns, frequencies, weight

    def __call__(self, wild: str, mutants: Mutants, homologs: Sequence[str]) -> list[float]:
        """A score for each mutant, from the columns alone."""
        return [
            sum(
                math.log(self._share(one.position, one.mutant))
                - math.log(self._share(one.position, one.wild))
                for one in mutant
            )
            for mutant in mutants
        ]

    def _share(self, position: int, residue: str) -> float:
        column = self._columns[position - 1]
        usual = self._weight * self._frequencies[residue]
        return (column.count(residue) + usual) / (len(column) + self._weight)


def copied_filling(left: str, homologs: Sequence[str], size: int, frequent: str) -> str:
    """What follows the longest end of `left` that a homolog has too; else the frequent residue.

    Examples
    --------
    >>> copied_filling("MKTAY", ["GGTAYIAKQ"], 3, "L"), copied_filling("MK", ["GG"], 2, "L")
    ('IAK', 'LL')
    """
    for word in range(min(len(left), 12), 1, -1):
        end = left[-word:]
        for homolog in homologs:
            at = homolog.find(end)
            if at >= 0 and at + word < len(homolog):
                return homolog[at + word : at + word + size].ljust(size, frequent)
    return frequent * size


def subfamilies(sequences: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Disjoint runs of `size` sequences; what is left over is left out.

    Examples
    --------
    >>> subfamilies("abcde", 2)
    [('a', 'b'), ('c', 'd')]
    """
    cuts = range(0, len(sequences) + 1, size)
    return [tuple(sequences[start:stop]) for start, stop in pairwise(cuts)]
