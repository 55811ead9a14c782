"""Which cell types, tissues and genes a free description speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cellmodels.genes import gene_table
from cellmodels.ontology import Match, cell_ontology, rules, tissue_ontology
from cellmodels.ontology.cells import CELL
from cellmodels.ontology.normalise import words

LONGEST = 7
# A part of a text may be named, but neither guessed from its spelling nor cut to a shorter one.
SURE = ("name", "synonym", "normalised", "abbreviation")
# A run that begins or ends with one of these says no more than the run without it.
_IDLE = frozenset("a an the of in from and or at to for on".split())
# No name goes on beyond one of these: "cells with brush border" are no brush cells.
_BREAKS = frozenset("with without near by that which expressing".split())
_EDGES = " ,.;:()[]\"'"
_SYMBOL = re.compile(r"[A-Z][A-Za-z]*-?\d[\w.]*(?:-\d+)?|[A-Z]{3,}(?:-[A-Z\d]+)*")
_ABSENT = re.compile(r"-|(?:neg|negative|low|lo|dim)\b", re.I)


@dataclass(frozen=True)
class Mentions:
    """The kind of cell that a text speaks of ("" for none), tissue ids, and official symbols."""

    kind: str
    tissues: tuple[str, ...]
    genes: tuple[str, ...]


@lru_cache(maxsize=8192)
def mentions(text: str, organism: str) -> Mentions:
    """What a free description names, longest parts first; each word speaks once.

    Examples
    --------
    >>> found = mentions("odd macrophages stuck in the lung, SPP1 high", "human")
    >>> cell_ontology().name(found.kind), found.tissues, found.genes
    ('macrophage', ('UBERON:0002048',), ('SPP1',))
    """
    left: list[str | None] = list(text.split())
    whole = cell_ontology().resolve(text)
    cells = [match.id for match in _taken(left, _cell)]
    guarded = rules.is_guarded(" ".join(filter(None, left)))
    tissues = [match.id for match in _taken(left, _tissue)]
    genes = _symbols([word for word in left if word], organism)
    kind = whole.id if whole else "" if guarded else _common(cells)
    return Mentions(_telling(kind), tuple(dict.fromkeys(tissues)), tuple(dict.fromkeys(genes)))


def _taken(left: list[str | None], look_up: Callable[[str], Match | None]) -> Iterator[Match]:
    """Matches of runs of words; their words become None, so that no other run holds them."""
    for length in range(min(LONGEST, len(left)), 0, -1):
        for start in range(len(left) - length + 1):
            run = [word for word in left[start : start + length] if word]
            if len(run) < length or _IDLE & {run[0].lower(), run[-1].lower()}:
                continue
            if not _BREAKS.isdisjoint(map(str.lower, run)):
                continue
            match = look_up(" ".join(run).strip(_EDGES))
            if match is not None and match.how in SURE:
                left[start : start + length] = [None] * length
                yield match


def _cell(text: str) -> Match | None:
    if " " in text:
        return cell_ontology().resolve(text)
    # One plain word is often an adjective that some data set uses as a label ("brush", "stem").
    match = cell_ontology().resolve(" ".join(words(text)) if text.islower() else text)
    plain = match is None or text.islower() and match.how not in ("name", "synonym")
    return None if plain or len(text) < 2 else match


def _tissue(text: str) -> Match | None:
    if " " in text:
        return tissue_ontology().resolve(text)
    match = tissue_ontology().resolve(" ".join(words(text)))
    # "body" must not become the "body gland", as words without meaning may be added elsewhere.
    return None if len(text) < 3 or match is None or match.how == "normalised" else match


def _symbols(parts: Sequence[str], organism: str) -> Iterator[str]:
    """The genes that words name, unless the words say that the cell lacks them."""
    table = gene_table(organism)
    pieces = [piece for part in parts for piece in re.split(r"[/,;()+]", part)]
    for piece, after in zip(pieces, [*pieces, ""][1:], strict=True):
        found = _SYMBOL.match(piece)
        if found is None or len(found[0]) < 3:
            continue
        symbol, _ = table.find(found[0])
        if symbol and not _ABSENT.match(piece[found.end() :] or after):
            yield symbol


def _common(cells: Sequence[str]) -> str:
    """The finest of the types where the others lie above it, else what all have in common."""
    ontology = cell_ontology()
    for cell in cells:
        if all(ontology.is_a(cell, other) for other in cells):
            return cell
    return ontology.common_ancestor(cells) if cells else ""


def _telling(kind: str) -> str:
    silent = cell_ontology().property_classes | {CELL}
    return "" if kind in silent else kind
