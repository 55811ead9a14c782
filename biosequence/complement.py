"""Reverse complement of text, for readers and tokenizers alike."""

from __future__ import annotations

# IUPAC nucleotide codes and their complements (NC-IUB 1984); U pairs as T, gaps stay.
PAIRS = {
    "A": "T", "C": "G", "G": "C", "T": "A", "U": "A", "R": "Y", "Y": "R", "S": "S", "W": "W",
    "K": "M", "M": "K", "B": "V", "V": "B", "D": "H", "H": "D", "N": "N",
}  # fmt: skip
_TABLE = str.maketrans(PAIRS | {old.lower(): new.lower() for old, new in PAIRS.items()})
_RNA = str.maketrans("Tt", "Uu")


def reverse_complement(sequence: str) -> str:
    """The other strand, read in its own direction; case and IUPAC codes are kept.

    A sequence with U and without T is RNA, and so is its answer. Other characters stay as they are.

    Examples
    --------
    >>> reverse_complement("AACGTn")
    'nACGTT'
    >>> reverse_complement("AUGR")
    'YCAU'
    """
    other = sequence[::-1].translate(_TABLE)
    rna = "U" in sequence or "u" in sequence
    if rna and not ("T" in sequence or "t" in sequence):
        return other.translate(_RNA)
    return other
