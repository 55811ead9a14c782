"""One key for a piece of DNA and its other strand."""

from __future__ import annotations

from biosequence.complement import reverse_complement


def strand_key(sequence: str) -> str:
    """A key that a sequence shares with its reverse complement, whatever their case.

    Examples
    --------
    >>> strand_key("aacg") == strand_key("CGTT")
    True
    """
    letters = sequence.upper().replace("U", "T")
    return min(letters, reverse_complement(letters))
