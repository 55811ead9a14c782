"""A directed acyclic graph of named terms: the part that cell and tissue ontologies share."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib import resources

from biosequence.errors import InputError


class TermGraph:
    """Names, synonyms and relations of ontology terms, by term id.

    Every method accepts a retired id and answers for the term that replaced it.

    Parameters
    ----------
    terms
        Rows of (id, name, synonyms, parents).
    replaced
        Retired id to the id that replaces it.
    """

    def __init__(self, terms: Iterable[tuple], replaced: dict[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._synonyms: dict[str, tuple[str, ...]] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        for term, name, synonyms, parents in terms:
            self._names[term] = name
            self._synonyms[term] = tuple(synonyms)
            self._parents[term] = tuple(parents)
        self.replaced = dict(replaced or {})
        self._ancestors: dict[str, frozenset[str]] = {}

    def __contains__(self, term: object) -> bool:
        return term in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def current_id(self, term: str) -> str:
        """The living id of `term`: itself, or what replaced it.

        Raises
        ------
        InputError
            If the ontology has no such id.
        """
        if term in self._names:
            return term
        if term in self.replaced:
            return self.replaced[term]
        msg = f"No term {term!r} in the ontology."
        raise InputError(msg, fix="Use a current id, or resolve a name first.")

    def name(self, term: str) -> str:
        """The official name of a term."""
        return self._names[self.current_id(term)]

    def synonyms(self, term: str) -> tuple[str, ...]:
        """Other names of a term, sorted."""
        return self._synonyms[self.current_id(term)]

    def parents(self, term: str) -> tuple[str, ...]:
        """Ids one edge above a term."""
        return self._parents[self.current_id(term)]

    def children(self, term: str) -> tuple[str, ...]:
        """Ids one edge below a term, sorted."""
        return self._children.get(self.current_id(term), ())

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        below: dict[str, list[str]] = {}
        for term, parents in self._parents.items():
            for parent in parents:
                below.setdefault(parent, []).append(term)
        return {term: tuple(sorted(children)) for term, children in below.items()}

    def ancestors(self, term: str) -> frozenset[str]:
        """Every id above a term, without the term itself."""
        term = self.current_id(term)
        known = self._ancestors.get(term)
        if known is None:
            parents = self._parents[term]
            known = frozenset(parents).union(*(self.ancestors(p) for p in parents))
            self._ancestors[term] = known
        return known

    def descendants(self, term: str) -> frozenset[str]:
        """Every id below a term, without the term itself."""
        found: set[str] = set()
        todo = list(self.children(term))
        while todo:
            child = todo.pop()
            if child not in found:
                found.add(child)
                todo.extend(self._children.get(child, ()))
        return frozenset(found)

    def is_a(self, term: str, above: str) -> bool:
        """Whether `term` is `above` or lies below it."""
        term, above = self.current_id(term), self.current_id(above)
        return term == above or above in self.ancestors(term)

    def distance(self, a: str, b: str) -> int:
        """Edges between two terms through the ancestor that makes the path shortest.

        Raises
        ------
        InputError
            If the two terms have no ancestor in common.
        """
        up_a, up_b = self._steps_up(a), self._steps_up(b)
        shared = up_a.keys() & up_b.keys()
        if not shared:
            msg = f"{a} and {b} have no ancestor in common."
            raise InputError(msg)
        return min(up_a[term] + up_b[term] for term in shared)

    def _steps_up(self, term: str) -> dict[str, int]:
        """Each ancestor (and the term) with its least number of edges above the term."""
        steps = {self.current_id(term): 0}
        level = list(steps)
        while level:
            above = {p for t in level for p in self._parents[t]} - steps.keys()
            distance = steps[level[0]] + 1
            steps.update(dict.fromkeys(above, distance))
            level = sorted(above)
        return steps

    def common_ancestor(self, terms: Iterable[str]) -> str:
        """The most specific term that is or lies above every one of `terms`.

        Of several candidates the one with the fewest descendants wins, then the lowest id.

        Raises
        ------
        InputError
            If `terms` is empty, or nothing lies above them all.
        """
        above = [self.ancestors(t) | {self.current_id(t)} for t in terms]
        shared = frozenset.intersection(*above) if above else frozenset()
        if not shared:
            msg = "The terms have no ancestor in common." if above else "No terms were given."
            raise InputError(msg)
        return min(self._answerable(shared), key=lambda t: (len(self.descendants(t)), t))

    def _answerable(self, terms: frozenset[str]) -> frozenset[str]:
        """The terms fit for an answer; an ontology with bookkeeping classes narrows them."""
        return terms


def read_table(name: str) -> tuple[list, dict[str, str]]:
    """Terms and replacements of a bundled ontology table."""
    packed = resources.files(__package__).joinpath("tables", name).read_bytes()
    table = json.loads(gzip.decompress(packed))
    return table["terms"], table["replaced"]


def read_tsv(name: str) -> list[dict[str, str]]:
    """Rows of a bundled, curated, tab-separated table; lines that start with `#` are notes."""
    text = resources.files(__package__).joinpath("tables", name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]
