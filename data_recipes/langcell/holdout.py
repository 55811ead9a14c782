"""Whole cell types that training never sees, to measure how a model names what is new to it.

Protocol. About an eighth of the types that the profile library measured are held out. A held type
takes all types below it along, so that no subtype teaches it. Neither its profiles, nor cells with
its labels, nor prototypes made of its markers are trained on, and no training text holds one of
its names, not even as a part of another type's name. Its relatives stay: parents, siblings and
their genes are trained on, and so are the mixed cells of broader labels ("T cell").

Measured is then: cells of held types, with all held and trained types as candidates, by their
names, by their identity texts, and by texts that hide the names. The last says what the markers
and relatives in a text are worth, the first what a bare unseen name is worth.

The choice follows the hash of the ids, so that nobody picked. It is spread: no lineage loses more
than its share, and none with a single measured type loses that. `held_out.tsv` keeps what was
chosen, so that an edit of the marker or name tables does not move the line between the two sides.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

import numpy as np

from biosequence.errors import UsageError
from cellmodels.genes import ORGANISMS
from cellmodels.knowledge import marker_rows
from cellmodels.models.langcell.facts import cell_facts
from cellmodels.ontology import cell_ontology
from cellmodels.ontology.normalise import words

from .texts import NAMES, fact_texts, text_variants

SHARE = 0.12


@lru_cache(maxsize=1)
def held_types() -> frozenset[str]:
    """Ids of the held types that were chosen; `is_held` also knows what lies below them."""
    return frozenset(row["cl_id"] for row in _table(__package__, "held_out.tsv"))


def is_held(cl_id: str) -> bool:
    """Whether a type is held out, being a held type or below one.

    Examples
    --------
    >>> is_held("CL:0000084")
    False
    """
    ontology = cell_ontology()
    term = ontology.current_id(cl_id)
    return not held_types().isdisjoint(ontology.ancestors(term) | {term})


@lru_cache(maxsize=1)
def held_names() -> frozenset[tuple[str, ...]]:
    """The words of every name, synonym and abbreviation of the held types and all below them."""
    return frozenset(_names(filter(is_held, cell_ontology())))


def training_variants(
    cl_id: str,
    rng: np.random.Generator,
    n: int,
    *,
    tissue: str | None = None,
    organism: str | None = None,
) -> list[str]:
    """`text_variants` of a type that is trained on; no text holds a name of a held type.

    Raises
    ------
    UsageError
        If the type itself is held out.
    """
    if is_held(cl_id):
        msg = f"{cl_id} is held out of training."
        raise UsageError(
            msg, fix="Leave its cells out, or use text_variants to train on all types."
        )
    return text_variants(cl_id, rng, n, never=held_names(), tissue=tissue, organism=organism)


def measured_types() -> tuple[str, ...]:
    """The types that the profile library measured, sorted by id."""
    return tuple(sorted({row["cl_id"] for row in _table("cellmodels.default", "references.tsv")}))


def choose_held(measured: Iterable[str]) -> tuple[str, ...]:
    """The types to hold out, in the order of their hashes.

    Parameters
    ----------
    measured
        Ids of the types with measured cells; the order does not matter.
    """
    ontology = cell_ontology()
    measured = set(measured)
    sizes = Counter(map(ontology.lineage, measured))
    room = Counter({name: max(1, round(SHARE * n)) for name, n in sizes.items() if n > 1})
    left = round(SHARE * len(measured))
    told = tellers(sorted({row.cl_id for row in marker_rows()} | measured))
    chosen, gone = [], set()
    for term in sorted(measured, key=lambda term: hashlib.md5(term.encode()).digest()):
        below = ontology.descendants(term) | {term}
        news = (below & measured) - gone
        takes = Counter(map(ontology.lineage, news))
        fits = len(news) <= left and all(takes[name] <= room[name] for name in takes)
        if not news or not fits or is_told(term, told):
            continue
        chosen.append(term)
        gone |= news
        left -= len(news)
        room -= takes
    return tuple(chosen)


def tellers(types: Iterable[str]) -> dict[tuple[str, ...], frozenset[str]]:
    """For every run of words that some fact of these types holds, the types with such facts."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for term in types:
        for text in _all_texts(term):
            parts = words(text)
            for start in range(len(parts)):
                for end in range(start + 1, len(parts) + 1):
                    found[parts[start:end]].add(term)
    return {run: frozenset(terms) for run, terms in found.items()}


def is_told(term: str, told: dict[tuple[str, ...], frozenset[str]]) -> bool:
    """Whether a name of `term`, or of a type below it, is in the facts of any other type."""
    ontology = cell_ontology()
    below = ontology.descendants(term) | {term}
    return any(not told.get(name, frozenset()) <= below for name in _names(below))


def _names(types: Iterable[str]) -> set[tuple[str, ...]]:
    facts = [cell_facts(term) for term in types]
    return {words(name) for one in facts for fact in NAMES for name in fact_texts(one, fact)}


def _all_texts(term: str) -> set[str]:
    kinds = (*NAMES, "parents", "ancestors", "lineage", "tissues", "markers", "markers_of")
    facts = [cell_facts(term, organism) for organism in ORGANISMS]
    return {text for one in facts for kind in kinds for text in fact_texts(one, kind)}


def _table(package: str, name: str) -> list[dict[str, str]]:
    with (files(package) / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
