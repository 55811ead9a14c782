"""Which genes of one organism answer to which of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

import numpy as np

from biosequence.errors import UsageError

from .tables import ORGANISMS, read_table


@cache
def orthologs(organism_from: str, organism_to: str) -> dict[str, tuple[str, ...]]:
    """The orthologs of each symbol, the one of the same name first, then the best known.

    Families of more than ten copies are left out: their members answer to none in particular.
    The mapping is shared between callers; do not change it.

    Raises
    ------
    UsageError
        For organisms other than human and mouse, or twice the same.

    Examples
    --------
    >>> orthologs("human", "mouse")["CD3E"]
    ('Cd3e',)
    >>> orthologs("mouse", "human")["Lyz1"]
    ('LYZ',)
    """
    if {organism_from, organism_to} != set(ORGANISMS):
        msg = f"There is no ortholog table from {organism_from!r} to {organism_to!r}."
        raise UsageError(msg, fix="The table knows human and mouse.")
    found = defaultdict(list)
    for line in read_table("orthologs").split("\n")[1:-1]:
        human, mouse = line.split("\t")
        ours, theirs = (human, mouse) if organism_from == "human" else (mouse, human)
        found[ours].append(theirs)
    return {
        # The sort is stable: beyond the namesake, the table's order stands.
        ours: tuple(sorted(theirs, key=lambda name: name.upper() != ours.upper()))
        for ours, theirs in found.items()
    }


def shared_names(symbols: Iterable[str], organism: str) -> np.ndarray:
    """Name of each official symbol in the gene space of both organisms; "" stays "".

    It holds human symbols, and mouse symbols that have no human ortholog.

    Examples
    --------
    >>> list(shared_names(["Cd3e", "Ly6g"], "mouse"))
    ['CD3E', 'Ly6g']
    """
    if organism == "human":
        return np.array(list(symbols), dtype=object)
    human = orthologs("mouse", "human")
    return np.array([human.get(s, (s,))[0] if s else "" for s in symbols], dtype=object)
