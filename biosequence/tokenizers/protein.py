"""Proteins, one token a residue: the vocabulary of Prot-xLSTM and ProtMamba."""

from __future__ import annotations

from typing import Any, Literal

from .characters import CharacterTokenizer, Other
from .padding import Side, check_choice
from .vocabulary import Vocabulary

RESIDUES = "LAGVSERTIDPKQNFYMHWCXBUZO"
SPAN_MASKS = tuple(f"<mask-{number}>" for number in range(1, 6))
_TOKENS = ("<cls>", "<pad>", "<eos>", "<unk>", *RESIDUES, ".", "-", "<null_1>", "<mask>")
ROLES = {
    "cls": "<cls>",
    "bos": "<cls>",
    "pad": "<pad>",
    "eos": "<eos>",
    "unk": "<unk>",
    "mask": "<mask>",
}
PROTEIN_VOCABULARY = Vocabulary((*_TOKENS, *SPAN_MASKS), ROLES, ("<null_1>", *SPAN_MASKS))

Insertions = Literal["upper", "drop", "error"]
Gaps = Literal["strip", "keep", "error"]


class ProteinTokenizer(CharacterTokenizer):
    """One token a residue, with the 38 ids of Prot-xLSTM and ProtMamba.

    `<cls>` opens a sequence. Rows of an a3m alignment may be given as they are: by default gaps
    vanish and insertions become ordinary residues, which is the sequence itself.

    Parameters
    ----------
    insertions
        Lower-case residues: read as upper-case, drop them (the aligned columns remain), or refuse.
    gaps
        `-`: strip it, keep it as a token, or refuse it. `.` is a token of its own, as published.
    other
        Any other character: refuse it, or `<unk>` (what the published tokenizer does).
    padding_side
        Where batches are filled up.

    Examples
    --------
    >>> ProteinTokenizer().encode("MK-TAyi").tolist()
    [0, 20, 15, 11, 5, 19, 12]
    >>> ProteinTokenizer().tokens("MK<mask-1>A")
    ['M', 'K', '<mask-1>', 'A']
    """

    name = "protein"

    def __init__(
        self,
        *,
        insertions: Insertions = "upper",
        gaps: Gaps = "strip",
        other: Other = "error",
        padding_side: Side = "right",
    ) -> None:
        check_choice("insertions", insertions, ("upper", "drop", "error"))
        check_choice("gaps", gaps, ("strip", "keep", "error"))
        self.insertions: Insertions = insertions
        self.gaps: Gaps = gaps
        characters = {residue: residue for residue in RESIDUES + "."}
        dropped = ""
        if insertions == "upper":
            characters |= {residue.lower(): residue for residue in RESIDUES}
        elif insertions == "drop":
            dropped += RESIDUES.lower()
        if gaps == "strip":
            dropped += "-"
        elif gaps == "keep":
            characters["-"] = "-"
        super().__init__(
            PROTEIN_VOCABULARY,
            characters,
            dropped=dropped,
            other=other,
            prefix=("<cls>",),
            padding_side=padding_side,
        )

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values."""
        return {
            "insertions": self.insertions,
            "gaps": self.gaps,
            "other": self.other,
            "padding_side": self.padding_side,
        }

    def _complaint(self, letter: str) -> tuple[str, str]:
        if letter == "-":
            return "a gap", 'Give gaps="strip" to leave gaps out.'
        if letter in RESIDUES.lower():
            return "an insertion", 'Give insertions="upper" to read it, "drop" to leave it out.'
        if letter == "*":
            return "a stop", 'Take it off (python: other="unknown").'
        return "no letter for a residue", 'Correct the sequence (python: other="unknown").'
