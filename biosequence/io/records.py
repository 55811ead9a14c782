"""One sequence with its name: what every reader gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Record:
    """A sequence or molecule from a file.

    Parameters
    ----------
    name
        Its name: the first word of a FASTA header.
    sequence
        Its letters, as in the file.
    description
        What the file says after the name.
    quality
        FASTQ quality characters, one for each letter.

    Examples
    --------
    >>> len(Record("read1", "ACGT", quality="IIII"))
    4
    """

    name: str
    sequence: str
    description: str = ""
    quality: str | None = None

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def phred(self) -> np.ndarray | None:
        """Quality as Phred scores (offset 33), uint8 of shape (letters,); None without quality.

        Examples
        --------
        >>> Record("read1", "AC", quality="I!").phred.tolist()
        [40, 0]
        """
        if self.quality is None:
            return None
        return np.frombuffer(self.quality.encode("ascii"), dtype=np.uint8) - 33
