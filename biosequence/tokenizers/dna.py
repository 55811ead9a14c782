"""DNA, one token a base: the vocabulary of Caduceus and DNA-xLSTM."""

from __future__ import annotations

from typing import Any, Literal

from ..complement import PAIRS
from .characters import CharacterTokenizer, Other
from .padding import Side, check_choice
from .strands import reverse_complement_ids
from .vocabulary import Vocabulary

SPECIALS = ("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]")
ROLES = {
    "cls": "[CLS]",
    "sep": "[SEP]",
    "bos": "[BOS]",
    "eos": "[SEP]",
    "mask": "[MASK]",
    "pad": "[PAD]",
    "unk": "[UNK]",
}
BASES = "ACGTN"
DNA_VOCABULARY = Vocabulary(
    (*SPECIALS, *BASES), ROLES, SPECIALS, {base: PAIRS[base] for base in BASES}
)
# IUPAC codes for more than one base; N has its own token.
AMBIGUOUS = "RYSWKMBDHV"

SoftMasked = Literal["upper", "N", "unknown", "error"]
Ambiguous = Literal["N", "unknown", "error"]
Uracil = Literal["T", "unknown", "error"]


class DNATokenizer(CharacterTokenizer):
    """One token a base, with the 12 ids of Caduceus and DNA-xLSTM.

    `[CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK] A C G T N` are 0 to 11; `[SEP]` closes a
    sequence and batches are padded on the left, as published.

    Parameters
    ----------
    soft_masked
        Lower-case bases (repeats): read as upper-case, as N, as unknown (what the published
        tokenizer does), or refuse them.
    ambiguous
        IUPAC codes for several bases: N, unknown, or refuse them.
    uracil
        U: read as T, unknown, or refuse it.
    other
        Any other character: refuse it, or unknown.
    closed
        Put `[SEP]` behind a sequence, as published. Behind both strands it is no mirror image: a
        classifier that shares its weights between strands answers alike for both only without it.
    padding_side
        Where batches are filled up.

    Examples
    --------
    >>> DNATokenizer().encode("ACGTNac").tolist()
    [7, 8, 9, 10, 11, 7, 8, 1]
    >>> DNATokenizer(soft_masked="N").tokens("ACgtR")
    ['A', 'C', 'N', 'N', 'N']
    >>> DNATokenizer(ambiguous="error").encode("ACR")
    Traceback (most recent call last):
    ...
    biosequence.errors.InputError: 'R' at position 3 (counted from 1) is an IUPAC code ...
    """

    name = "dna"

    def __init__(
        self,
        *,
        soft_masked: SoftMasked = "upper",
        ambiguous: Ambiguous = "N",
        uracil: Uracil = "T",
        other: Other = "error",
        closed: bool = True,
        padding_side: Side = "left",
    ) -> None:
        self.closed = closed
        self.soft_masked: SoftMasked = soft_masked
        self.ambiguous: Ambiguous = ambiguous
        self.uracil: Uracil = uracil
        super().__init__(
            DNA_VOCABULARY,
            read_as(soft_masked, ambiguous, uracil),
            other=other,
            suffix=("[SEP]",) if closed else (),
            padding_side=padding_side,
        )

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values."""
        return {
            "soft_masked": self.soft_masked,
            "ambiguous": self.ambiguous,
            "uracil": self.uracil,
            "other": self.other,
            "closed": self.closed,
            "padding_side": self.padding_side,
        }

    def reverse_complement(self, ids: Any) -> Any:
        """The other strand of ids, array or tensor of shape (..., length).

        Padding and the tokens around a sequence stay where they are; masked and unknown bases go
        along with their neighbours.

        Examples
        --------
        >>> dna = DNATokenizer()
        >>> dna.decode(dna.reverse_complement(dna.encode("AAC[MASK]T")))
        'A[MASK]GTT[SEP]'
        """
        kept = [self.vocabulary.id(token) for token in SPECIALS if token not in ("[MASK]", "[UNK]")]
        moving = ids == ids
        for number in kept:
            moving = moving & (ids != number)
        return reverse_complement_ids(ids, self.vocabulary, mask=moving)

    def _complaint(self, letter: str) -> tuple[str, str]:
        return refusal(letter)


def read_as(soft_masked: SoftMasked, ambiguous: Ambiguous, uracil: Uracil) -> dict[str, str]:
    """The token of each letter that a policy lets pass.

    Examples
    --------
    >>> read_as("error", "error", "error")
    {'A': 'A', 'C': 'C', 'G': 'G', 'T': 'T', 'N': 'N'}
    """
    check_choice("soft_masked", soft_masked, ("upper", "N", "unknown", "error"))
    check_choice("ambiguous", ambiguous, ("N", "unknown", "error"))
    check_choice("uracil", uracil, ("T", "unknown", "error"))
    unknown = ROLES["unk"]
    found = {base: base for base in BASES}
    if uracil != "error":
        found["U"] = "T" if uracil == "T" else unknown
    if ambiguous != "error":
        found |= dict.fromkeys(AMBIGUOUS, "N" if ambiguous == "N" else unknown)
    if soft_masked == "error":
        return found
    lower = {letter.lower(): token for letter, token in found.items()}
    if soft_masked != "upper":
        lower = dict.fromkeys(lower, "N" if soft_masked == "N" else unknown)
    return found | lower


def refusal(letter: str) -> tuple[str, str]:
    """What a letter is that a DNA tokenizer refuses, and what to do about it."""
    if letter in AMBIGUOUS:
        return "an IUPAC code for several bases", 'Give ambiguous="N" to read it as N.'
    if letter in "Uu":
        return "RNA, not DNA", 'Give uracil="T" to read U as T.'
    if letter.upper() in BASES + AMBIGUOUS:
        return "a soft-masked base", 'Give soft_masked="upper" to read it, "N" to hide it.'
    return "no letter of DNA", 'Correct the sequence (python: other="unknown").'
