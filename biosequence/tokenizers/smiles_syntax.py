"""Where a SMILES is broken, found without a chemistry library."""

from __future__ import annotations

import re
from typing import NamedTuple

from .smiles import AROMATIC, ELEMENTS, PATTERN, SMILES_VOCABULARY

_TOKEN = re.compile(PATTERN)
_RING = re.compile(r"%\([0-9]+\)|%[0-9]{2}|[0-9]")
_SYMBOLS = sorted((*ELEMENTS, *AROMATIC), key=len, reverse=True)
# OpenSMILES 3.1: isotope, symbol, chirality, hydrogens, charge, class; `#6` by atomic number.
_BRACKET = re.compile(
    rf"\[[0-9]*(?:{'|'.join(_SYMBOLS)}|\*|#[0-9]+)(?:@[A-Z0-9@]*)?(?:H[0-9]*)?"
    r"(?:[+-]+[0-9]*)?(?::[0-9]+)?\]"
)
_ATOM = re.compile(r"\[[^\[\]]*\]|Cl|Br|[BCNOPSFIbcnops*]")


class SyntaxFault(NamedTuple):
    """What is wrong with a SMILES, and where, counted from 0."""

    position: int
    reason: str


def find_fault(smiles: str) -> SyntaxFault | None:
    """The first fault in the syntax: wrong characters, brackets, branches or rings left open.

    None means that these are in order; atoms may still have impossible valences.

    Examples
    --------
    >>> find_fault("CC(C")
    SyntaxFault(position=2, reason='a branch is opened and not closed')
    >>> find_fault("C1CC1") is None
    True
    """
    place = 0
    for token in _TOKEN.findall(smiles):
        if token not in SMILES_VOCABULARY:
            return SyntaxFault(place, f"{token!r} is no part of SMILES")
        place += len(token)
    return _unbalanced(smiles) or _bad_bracket(smiles) or _open_rings(smiles)


def atom_positions(smiles: str) -> list[int]:
    """Where each atom of a SMILES starts, in the order of a chemistry library's atom numbers.

    Examples
    --------
    >>> atom_positions("C[NH3+].Cl")
    [0, 1, 8]
    """
    return [match.start() for match in _ATOM.finditer(smiles)]


def _unbalanced(smiles: str) -> SyntaxFault | None:
    branches: list[int] = []
    bracket = -1
    for place, character in enumerate(smiles):
        if character == "[":
            if bracket >= 0:
                return SyntaxFault(place, "a bracket is opened inside another")
            bracket = place
        elif character == "]":
            if bracket < 0:
                return SyntaxFault(place, "a bracket is closed and not opened")
            if place == bracket + 1:
                return SyntaxFault(bracket, "a bracket holds no atom")
            bracket = -1
        elif bracket < 0 and character == "(" and smiles[place - 1 : place] != "%":
            branches.append(place)
        elif bracket < 0 and character == ")" and not _closes_ring_number(smiles, place):
            if not branches:
                return SyntaxFault(place, "a branch is closed and not opened")
            branches.pop()
    if bracket >= 0:
        return SyntaxFault(bracket, "a bracket is opened and not closed")
    if branches:
        return SyntaxFault(branches[0], "a branch is opened and not closed")
    return None


def _closes_ring_number(smiles: str, place: int) -> bool:
    start = smiles.rfind("(", 0, place)
    return start > 0 and smiles[start - 1] == "%" and smiles[start + 1 : place].isdigit()


def _bad_bracket(smiles: str) -> SyntaxFault | None:
    for match in re.finditer(r"\[[^\]]*\]", smiles):
        if not _BRACKET.fullmatch(match.group()):
            return SyntaxFault(match.start(), f"{match.group()} is no bracket atom")
    return None


def _open_rings(smiles: str) -> SyntaxFault | None:
    # Bracket atoms hold digits of another kind: blank them out, places kept.
    plain = re.sub(r"\[[^\[\]]*\]", lambda match: "*" * len(match.group()), smiles)
    rings: dict[str, int] = {}
    for match in _RING.finditer(plain):
        number = match.group().strip("%()").lstrip("0") or "0"
        if rings.pop(number, None) is None:
            rings[number] = match.start()
    if not rings:
        return None
    number, place = min(rings.items(), key=lambda item: item[1])
    return SyntaxFault(place, f"the ring {number} is opened and not closed")
