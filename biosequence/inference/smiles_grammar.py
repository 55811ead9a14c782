"""SMILES as an automaton: what may come next, and how few tokens close what is open."""

from __future__ import annotations

from typing import NamedTuple

from ..tokenizers.smiles import AROMATIC, ELEMENTS

ORGANIC = frozenset(("B", "C", "N", "O", "P", "S", "F", "Cl", "Br", "I", *"bcnops*"))
SYMBOLS = frozenset((*ELEMENTS, *AROMATIC, "*"))
BONDS = frozenset("-=#$:/\\~")
_RING_BONDS = frozenset(("->", "<-", *"-=#$:/\\"))
_DIGITS = frozenset("0123456789")

# Outside brackets. START: an atom must come (at the front, behind a dot or an opened branch);
# BOND: behind a bond, ATOM_BOND: behind one that no ring number may follow; ATOM: behind an atom
# or its ring numbers; CLOSED: behind a closed branch.
START, BRANCH, ATOM_BOND, BOND, ATOM, CLOSED, PERCENT, PERCENT_1 = range(8)
# Inside brackets, in the order of OpenSMILES 3.1.
OPEN, ISOTOPE, HYDROGEN, SYMBOL, CHIRAL, COUNT, COUNTED, SIGN, CHARGE, CLASS, NUMBER = range(10, 21)
_CLOSABLE = (ISOTOPE, OPEN, CLASS)


class Ring(NamedTuple):
    """A ring bond that waits for its other end."""

    number: int
    atom: int
    bond: str
    neighbours: frozenset[int]


class SmilesState(NamedTuple):
    """Where a SMILES stands after some tokens; a value.

    Parameters
    ----------
    mode
        What came last.
    bond
        The bond written and not yet used, and within `%` its first digit.
    atom
        Number of the atom that the next bond starts from; -1: none.
    atoms
        Atoms so far.
    branches
        Atoms to go back to, outermost first.
    rings
        Ring bonds that are open.
    digits
        Digits in a row inside a bracket.
    """

    mode: int = START
    bond: str = ""
    atom: int = -1
    atoms: int = 0
    branches: tuple[int, ...] = ()
    rings: tuple[Ring, ...] = ()
    digits: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether the SMILES may end here."""
        return self.mode in (ATOM, CLOSED) and not self.branches and not self.rings


def advance(state: SmilesState, token: str) -> SmilesState | None:
    """The state after a token; None where it may not come.

    Ring numbers that would bond an atom to itself or twice to a neighbour may not come either.

    Examples
    --------
    >>> state = SmilesState()
    >>> for token in "C1CC":
    ...     state = advance(state, token)
    >>> state.is_closed, advance(state, "1").is_closed, advance(state, ")")
    (False, True, None)
    """
    if state.mode >= OPEN:
        return _in_bracket(state, token)
    if state.mode in (PERCENT, PERCENT_1):
        return _percent(state, token)
    if token in ORGANIC:
        return _with_atom(state, ATOM)
    if token == "[":
        return _with_atom(state, OPEN)
    if token in BONDS or token in "<>":
        return _with_bond(state, token)
    if token in _DIGITS:
        return _with_ring(state, int(token))
    if token == "%" and _takes_ring(state):
        return state._replace(mode=PERCENT)
    if state.mode not in (ATOM, CLOSED):
        return None
    if token == "(":
        return state._replace(mode=BRANCH, branches=(*state.branches, state.atom))
    if token == ")" and state.branches:
        *outer, atom = state.branches
        return state._replace(mode=CLOSED, branches=tuple(outer), atom=atom)
    if token == "." and not state.branches:
        return state._replace(mode=START, atom=-1)
    return None


def distance(state: SmilesState) -> int:
    """The number of tokens that surely close everything; 0 where the SMILES may end.

    Where it is above 0, some token that may come lowers it by 1.

    Examples
    --------
    >>> distance(SmilesState()), distance(advance(SmilesState(), "["))
    (1, 2)
    """
    mode = state.mode
    if mode >= OPEN:
        pending = 2 if mode in _CLOSABLE else 1
        after = state._replace(mode=ATOM)
        return pending + _ring_tokens(after) + len(state.branches)
    if mode in (PERCENT, PERCENT_1):
        return _percent_distance(state)
    pending = 0
    if mode in (START, BRANCH, ATOM_BOND, BOND):
        pending = 2 if state.bond == "<" else 1
        state = _with_atom(state._replace(bond=""), ATOM)
    return pending + _ring_tokens(state) + len(state.branches)


def _with_atom(state: SmilesState, mode: int) -> SmilesState | None:
    if state.bond == "<":
        return None
    new, rings = state.atoms, state.rings
    if state.atom >= 0 and rings:
        rings = tuple(_near(ring, state.atom, new) for ring in rings)
    return state._replace(mode=mode, bond="", atom=new, atoms=new + 1, rings=rings, digits=0)


def _near(ring: Ring, atom: int, other: int) -> Ring:
    if ring.atom == atom:
        return ring._replace(neighbours=ring.neighbours | {other})
    if ring.atom == other:
        return ring._replace(neighbours=ring.neighbours | {atom})
    return ring


def _with_bond(state: SmilesState, token: str) -> SmilesState | None:
    if state.bond + token in ("<-", "->"):
        return state._replace(bond=state.bond + token)
    if token == ">" or state.mode not in (ATOM, CLOSED, BRANCH):
        return None
    mode = BOND if state.mode == ATOM else ATOM_BOND
    return state._replace(mode=mode, bond=token)


def _takes_ring(state: SmilesState) -> bool:
    return state.mode == ATOM or (state.mode == BOND and state.bond in _RING_BONDS)


def _with_ring(state: SmilesState, number: int) -> SmilesState | None:
    if not _takes_ring(state):
        return None
    other = next((ring for ring in state.rings if ring.number == number), None)
    if other is None:
        # Only later atoms can be its other end, so that no neighbour of now counts.
        new = Ring(number, state.atom, state.bond, frozenset())
        return state._replace(mode=ATOM, bond="", rings=(*state.rings, new))
    if not _fits(other, state.atom) or (state.bond and other.bond not in ("", state.bond)):
        return None
    return state._replace(mode=ATOM, bond="", rings=_after_closing(state, other))


def _fits(ring: Ring, atom: int) -> bool:
    return ring.atom != atom and atom not in ring.neighbours


def _after_closing(state: SmilesState, closed: Ring) -> tuple[Ring, ...]:
    return tuple(_near(ring, closed.atom, state.atom) for ring in state.rings if ring is not closed)


def _percent(state: SmilesState, token: str) -> SmilesState | None:
    if token not in _DIGITS or (state.mode == PERCENT and token == "0"):
        return None
    if state.mode == PERCENT:
        first = state._replace(mode=PERCENT_1, digits=int(token))
        return first if _percent_ends(first) else None
    return _with_ring(_before_percent(state), 10 * state.digits + int(token))


def _before_percent(state: SmilesState) -> SmilesState:
    return state._replace(mode=BOND if state.bond else ATOM)


def _percent_ends(state: SmilesState) -> list[SmilesState]:
    """States after each second digit that may come."""
    before = _before_percent(state)
    ends = (_with_ring(before, 10 * state.digits + digit) for digit in range(10))
    return [end for end in ends if end is not None]


def _percent_distance(state: SmilesState) -> int:
    if state.mode == PERCENT_1:
        return 1 + min(map(distance, _percent_ends(state)))
    firsts = [_percent(state, digit) for digit in "123456789"]
    return 1 + min(distance(first) for first in firsts if first is not None)


def _ring_tokens(state: SmilesState) -> int:
    """Tokens that close all rings: numbers where they fit, and new atoms where none fits."""
    cost, fits = 0, state.mode == ATOM
    while state.rings:
        ring = next((ring for ring in state.rings if fits and _fits(ring, state.atom)), None)
        if ring is None:
            state, cost, fits = _with_atom(state, ATOM), cost + 1, True
        else:
            cost += 1 if ring.number < 10 else 3
            state = state._replace(rings=_after_closing(state, ring))
    return cost


def _in_bracket(state: SmilesState, token: str) -> SmilesState | None:
    mode = state.mode
    if mode in (OPEN, ISOTOPE):
        if token in SYMBOLS:
            return state._replace(mode=HYDROGEN if token == "H" else SYMBOL)
        first = mode == OPEN and token in _DIGITS and token != "0"
        if first or (mode == ISOTOPE and token in _DIGITS and state.digits < 3):
            return state._replace(mode=ISOTOPE, digits=state.digits + 1)
        return None
    if token == "]" and mode != CLASS:
        return state._replace(mode=ATOM, bond="", digits=0)
    if token in ("@", "@@") and mode == SYMBOL:
        return state._replace(mode=CHIRAL, digits=len(token))
    if token == "@" and mode == CHIRAL and state.digits == 1:
        return state._replace(digits=2)
    if token == "H" and mode in (SYMBOL, CHIRAL):
        return state._replace(mode=COUNT)
    if token in ("+", "-") and mode <= COUNTED:
        return state._replace(mode=SIGN, bond=token)
    if token == state.bond and mode == SIGN:
        return state._replace(mode=CHARGE)
    if token == ":" and mode < CLASS:
        return state._replace(mode=CLASS, digits=0)
    if token not in _DIGITS:
        return None
    if mode in (COUNT, SIGN) and token != "0":
        return state._replace(mode=COUNTED if mode == COUNT else CHARGE)
    if (mode == CLASS and token != "0") or (mode == NUMBER and state.digits < 3):
        return state._replace(mode=NUMBER, digits=state.digits + 1)
    return None
