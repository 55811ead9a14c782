"""Cut an ontology down to the facts that name resolution and roll-up need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class SlimOntology:
    """Terms as (id, name, synonyms, parents), sorted by id, and what replaces retired ids.

    Prose (definitions, comments) is left behind on purpose: only facts may be bundled.
    """

    terms: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]
    replaced: dict[str, str]


def direct_parents(term: dict) -> tuple[str, ...]:
    """The ids one edge above `term`; the source stores ancestors with their distance."""
    return tuple(sorted(i for i, distance in term["ancestors"].items() if distance == 1))


def cut(terms: dict[str, dict], *, drop: Iterable[str] = ()) -> SlimOntology:
    """The living terms of an ontology without `drop`, each joined to its nearest kept ancestors.

    Parameters
    ----------
    terms
        Term id to its record: label, synonyms, ancestors with distances, deprecated, replaced_by.
    drop
        Ids to leave out, besides the deprecated ones.
    """
    dropped = set(drop)
    kept = {i for i, t in terms.items() if not t["deprecated"] and t["label"] and i not in dropped}
    rows = []
    for i in sorted(kept):
        term = terms[i]
        name = term["label"].strip()
        synonyms = sorted({s.strip() for s in term.get("synonyms", ())} - {name, ""})
        rows.append((i, name, tuple(synonyms), _kept_parents(i, terms, kept)))
    replaced = {}
    for i, term in sorted(terms.items()):
        target = term.get("replaced_by")
        if term["deprecated"] and target in kept:
            replaced[i] = target
    return SlimOntology(tuple(rows), replaced)


def _kept_parents(start: str, terms: dict[str, dict], kept: set[str]) -> tuple[str, ...]:
    direct = direct_parents(terms[start])
    found = {i for i in direct if i in kept}
    beyond: set[str] = set()
    todo, seen = [i for i in direct if i not in kept], set()
    while todo:
        i = todo.pop()
        if i in seen:
            continue
        seen.add(i)
        if i in kept:
            beyond.add(i)
        else:
            todo.extend(direct_parents(terms[i]))
    # A path through a dropped term may end above another parent: keep the nearest only.
    covered = {a for p in found | beyond for a in terms[p]["ancestors"]}
    return tuple(sorted(found | (beyond - covered)))
