"""Find terms of an ontology by their names and synonyms, spelled in any usual way."""

from __future__ import annotations

import difflib

from .graph import TermGraph
from .match import Match
from .normalise import bag_of, words

SCORES = {"id": 1.0, "name": 1.0, "synonym": 0.98, "normalised": 0.96, "abbreviation": 0.95}


class NameIndex:
    """Names and synonyms of a graph, as written, as words, and as words without order."""

    def __init__(self, graph: TermGraph) -> None:
        self._graph = graph
        # Official names and synonyms apart: an official name always wins over another term's synonym.
        self._exact: tuple[dict[str, set[str]], ...] = ({}, {})
        self._ordered: tuple[dict[tuple, set[str]], ...] = ({}, {})
        self._bags: tuple[dict[tuple, set[str]], ...] = ({}, {})
        for term in graph:
            self._add(0, graph.name(term), term)
            for synonym in graph.synonyms(term):
                self._add(1, synonym, term)

    def _add(self, rank: int, text: str, term: str) -> None:
        found = words(text)
        self._exact[rank].setdefault(text.casefold(), set()).add(term)
        self._ordered[rank].setdefault(found, set()).add(term)
        self._bags[rank].setdefault(bag_of(found), set()).add(term)

    def official(self, text: str) -> Match | None:
        """The term whose official name is this text, apart from case and surrounding blanks."""
        term = self._only(self._exact[0].get(text.strip().casefold()))
        return term and self._match(term, "name", text)

    def spelled(self, text: str) -> Match | None:
        """The term with this synonym, or with a name or synonym of the same words; None where several fit."""
        term = self._only(self._exact[1].get(text.strip().casefold()))
        if term:
            return self._match(term, "synonym", text)
        found = words(text)
        loose = bag_of(found)
        for table, key in ((self._ordered, found), (self._bags, loose)):
            for rank in (0, 1):
                term = self._only(table[rank].get(key)) if key else None
                if term:
                    return self._match(term, "normalised", text)
        return None

    def _only(self, terms: set[str] | None) -> str | None:
        """The one term, or the one that lies above all others; None where the text is ambiguous."""
        if not terms:
            return None
        for term in sorted(terms):
            if all(self._graph.is_a(other, term) for other in terms):
                return term
        return None

    def _match(self, term: str, how: str, text: str) -> Match:
        return Match(term, self._graph.name(term), how, SCORES[how], text)

    def misspelled(self, text: str) -> Match | None:
        """The term whose name differs from the text in one or two letters of one long word."""
        found = words(text)
        if max(map(len, found), default=0) < 7:
            return None
        best: dict[str, float] = {}
        for rank in (0, 1):
            for known, terms in self._ordered[rank].items():
                if len(known) == len(found) and _one_word_apart(known, found):
                    term = self._only(terms)
                    if term:
                        ratio = difflib.SequenceMatcher(None, " ".join(known), " ".join(found)).ratio()
                        best[term] = max(ratio, best.get(term, 0.0))
        best = {term: ratio for term, ratio in best.items() if ratio >= 0.85}
        if not best:
            return None
        top = max(best.values())
        term = self._only({t for t, ratio in best.items() if ratio == top})
        return term and Match(term, self._graph.name(term), "fuzzy", round(0.9 * top, 3), text)

    def suggest(self, text: str, n: int = 3) -> list[str]:
        """Official names that look most like a text, best first."""
        known = {name: term for rank in (1, 0) for name, terms in self._exact[rank].items() for term in terms}
        close = difflib.get_close_matches(text.strip().casefold(), known, n=3 * n, cutoff=0.55)
        names = dict.fromkeys(self._graph.name(known[text]) for text in close)
        return list(names)[:n]


def _one_word_apart(known: tuple[str, ...], found: tuple[str, ...]) -> bool:
    pairs = [(a, b) for a, b in zip(known, found, strict=True) if a != b]
    if len(pairs) != 1:
        return False
    a, b = pairs[0]
    if min(len(a), len(b)) < 7 or a[0] != b[0] or any(c.isdigit() for c in a + b):
        return False
    # Endings tell cells apart (osteoblast, osteoclast; tenocyte, enterocyte), so only inner slips count.
    if sorted(a) != sorted(b) and len(a) == len(b):
        return a[-6:] == b[-6:] and sum(x != y for x, y in zip(a, b, strict=True)) == 1 and len(a) > 9
    if len(a) == len(b):
        return sum(x != y for x, y in zip(a, b, strict=True)) == 2
    long, short = sorted((a, b), key=len, reverse=True)
    return len(long) - len(short) == 1 and any(
        long[:k] + long[k + 1 :] == short for k in range(1, len(long))
    )
