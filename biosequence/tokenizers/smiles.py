"""SMILES without loss: whatever is written in the language comes back character by character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .characters import Other
from .huggingface import Splitting
from .padding import Side, check_choice
from .tokenizer import BioTokenizer, unknown_letter
from .vocabulary import Vocabulary

SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>", "<mask>")
ROLES = {
    "pad": "<pad>",
    "bos": "<bos>",
    "eos": "<eos>",
    "cls": "<bos>",
    "sep": "<eos>",
    "unk": "<unk>",
    "mask": "<mask>",
}
# Branches, brackets, the separator of molecules, bonds (dative `->` and `<-` are two tokens),
# any atom, the sign of two-digit ring closures.
SIGNS = (*"()[].", *"-=#$:/\\~<>", "*", "%", "+")
DIGITS = tuple("0123456789")
# Chirality (OpenSMILES 3.8): the named classes occur in brackets, before a digit.
CHIRALITY = ("@", "@@", "@TH", "@AL", "@SP", "@TB", "@OH")
# By atomic number.
ELEMENTS = tuple(
    """H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se
    Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy
    Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf
    Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og""".split()
)
AROMATIC = ("b", "c", "n", "o", "p", "s", "se", "as", "te", "si")
SMILES_VOCABULARY = Vocabulary(
    (*SPECIALS, *SIGNS, *DIGITS, *CHIRALITY, *ELEMENTS, *AROMATIC), ROLES, SPECIALS
)

# Outside brackets `Sc` is sulphur and an aromatic carbon, inside it is scandium: a symbol of two
# letters counts where the next bracket closes. No bracket atom is longer than 40 characters, and
# the bound keeps the search short in text without brackets.
_TWO_LETTERS = [x for x in (*ELEMENTS, *AROMATIC) if len(x) == 2 and x not in ("Cl", "Br")]
PATTERN = (
    rf"(?:{'|'.join(_TWO_LETTERS)})(?=[^\[\]]{{0,40}}\])|Cl|Br|"
    r"@(?:TH|AL|SP|TB|OH)(?=[0-9])|@@|[\s\S]"
)


class SmilesTokenizer(BioTokenizer):
    r"""SMILES as atoms, bonds, digits and signs; decoding gives the very text back.

    The vocabulary is fixed: 5 special tokens, 18 signs, 10 digits, 7 kinds of chirality, the 118
    elements and 10 aromatic symbols. A bracket atom is cut into `[`, isotope digits, element,
    chirality, `H`, charge, class and `]`. Reactions (`>`) and several molecules (`.`) can be
    written too.

    Parameters
    ----------
    other
        Characters that SMILES does not have: refuse them, or `<unk>` (which loses them).
    padding_side
        Where batches are filled up.

    Examples
    --------
    >>> SmilesTokenizer().tokens(r"C/C=C\Cl")
    ['C', '/', 'C', '=', 'C', '\\', 'Cl']
    >>> SmilesTokenizer().tokens("[13C@@H](Sc1)[Sc+3]")
    ['[', '1', '3', 'C', '@@', 'H', ']', '(', 'S', 'c', '1', ')', '[', 'Sc', '+', '3', ']']
    """

    name = "smiles"

    def __init__(self, *, other: Other = "error", padding_side: Side = "right") -> None:
        check_choice("other", other, ("error", "unknown"))
        self.other: Other = other
        self._pattern = re.compile(PATTERN)
        super().__init__(
            SMILES_VOCABULARY, prefix=("<bos>",), suffix=("<eos>",), padding_side=padding_side
        )
        self._ids = {token: number for number, token in enumerate(self.vocabulary.tokens)}

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values."""
        return {"other": self.other, "padding_side": self.padding_side}

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        absent = self._ids["<unk>"] if self.other == "unknown" else -1
        ids = [self._ids.get(token, absent) for token in self._pattern.findall(text)]
        if absent < 0 and -1 in ids:
            tokens = self._pattern.findall(text)
            place = sum(map(len, tokens[: ids.index(-1)]))
            what = "no part of SMILES"
            fix = 'Correct the line: a name or a header in it? (python: other="unknown")'
            raise unknown_letter(text[place], start + place, name, what, fix)
        return np.array(ids, dtype=np.int64)

    def _splitting(self) -> Splitting:
        return Splitting(PATTERN)


def join_molecules(
    molecules: Sequence[str], *, generator: np.random.Generator | None = None
) -> str:
    """Molecules of one domain as one in-context line, joined by `.`.

    Parameters
    ----------
    molecules
        SMILES.
    generator
        Put them into a random order; None: keep theirs.

    Raises
    ------
    InputError
        On an empty molecule.

    Examples
    --------
    >>> join_molecules(["CCO", "c1ccccc1"])
    'CCO.c1ccccc1'
    """
    for number, molecule in enumerate(molecules, 1):
        if not molecule.strip():
            raise InputError(
                f"Molecule {number} of a set is empty.",
                where=f"molecule {number} of {len(molecules)}",
                fix="Leave it out.",
            )
    order = range(len(molecules)) if generator is None else generator.permutation(len(molecules))
    return ".".join(molecules[number] for number in order)
