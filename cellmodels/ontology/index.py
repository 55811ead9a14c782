"""Find terms of an ontology by their names and synonyms, spelled in any usual way."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from .graph import TermGraph
from .match import Match
from .normalise import bag_of, words

SCORES = {"id": 1.0, "name": 1.0, "synonym": 0.98, "normalised": 0.96, "abbreviation": 0.95}


@dataclass
class _Words:
    """Terms by the words of their names [0] and synonyms [1]; the words by their initials."""

    ordered: tuple[dict, dict] = field(default_factory=lambda: ({}, {}))
    bags: tuple[dict, dict] = field(default_factory=lambda: ({}, {}))
    initials: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)


class NameIndex:
    """Names and synonyms of a graph, as written, as words, and as words without order."""

    def __init__(self, graph: TermGraph) -> None:
        self._graph = graph
        # Official names apart from synonyms: a name always wins over another term's synonym.
        self._exact: tuple[dict[str, set[str]], ...] = ({}, {})
        for rank, text, term in self._texts():
            self._exact[rank].setdefault(text.casefold(), set()).add(term)

    def _texts(self) -> Iterator[tuple[int, str, str]]:
        for term in self._graph:
            yield 0, self._graph.name(term), term
            for synonym in self._graph.synonyms(term):
                yield 1, synonym, term

    @cached_property
    def _by_words(self) -> _Words:
        # Splitting every name into words takes a moment: only a text with no exact match pays.
        table = _Words()
        for rank, text, term in self._texts():
            found = words(text)
            table.ordered[rank].setdefault(found, set()).add(term)
            table.bags[rank].setdefault(bag_of(found), set()).add(term)
            table.initials.setdefault(_initials(found), set()).add(found)
        return table

    def official(self, text: str) -> Match | None:
        """The term whose official name is this text, apart from case and surrounding blanks."""
        term = self._only(self._exact[0].get(text.strip().casefold()))
        return term and self._match(term, "name", text)

    def is_known(self, text: str) -> bool:
        """Whether the text, apart from case and surrounding blanks, is any name or synonym."""
        key = text.strip().casefold()
        return key in self._exact[0] or key in self._exact[1]

    def spelled(self, text: str) -> Match | None:
        """The term with this synonym, or with a name of the same words; None where several fit."""
        term = self._only(self._exact[1].get(text.strip().casefold()))
        if term:
            return self._match(term, "synonym", text)
        found = words(text)
        loose = bag_of(found)
        if len("".join(loose)) == 1 and "cell" not in found:
            # One letter is no name: "M" is not the M cell of the gut.
            return None
        if found[-2:-1] == ("cell",) and found[-1].isdigit():
            # "B cell 1" is a first cluster of B cells; only word order tells it from the B-1 cell.
            loose = ()
        for table, key in ((self._by_words.ordered, found), (self._by_words.bags, loose)):
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
        best: dict[str, float] = {}
        for known in self._by_words.initials.get(_initials(found), ()):
            ratio = _likeness(known, found)
            if ratio >= 0.85:
                names, synonyms = self._by_words.ordered
                term = self._only(names.get(known) or synonyms[known])
                if term:
                    best[term] = max(ratio, best.get(term, 0.0))
        top = max(best.values(), default=0.0)
        term = self._only({t for t, ratio in best.items() if ratio == top})
        return term and Match(term, self._graph.name(term), "fuzzy", round(0.9 * top, 3), text)

    def suggest(self, text: str, n: int = 3) -> list[str]:
        """Official names that look most like a text, best first."""
        names, synonyms = self._exact
        known = {text: min(terms) for text, terms in {**synonyms, **names}.items()}
        close = difflib.get_close_matches(text.strip().casefold(), known, n=3 * n, cutoff=0.55)
        names = dict.fromkeys(self._graph.name(known[text]) for text in close)
        return list(names)[:n]


def _initials(found: tuple[str, ...]) -> str:
    return "".join(word[0] for word in found if word != "cell")


def _likeness(known: tuple[str, ...], found: tuple[str, ...]) -> float:
    """Likeness of two names that differ by one slip in one long word; 0 for any other pair."""
    known = tuple(word for word in known if word != "cell")
    found = tuple(word for word in found if word != "cell")
    pairs = [(a, b) for a, b in zip(known, found, strict=True) if a != b]
    if len(pairs) != 1 or any(c.isdigit() for word in pairs[0] for c in word):
        return 0.0
    if not _one_slip(*pairs[0]):
        return 0.0
    return difflib.SequenceMatcher(None, " ".join(known), " ".join(found)).ratio()


def _one_slip(a: str, b: str) -> bool:
    """Whether two words differ by swapped neighbours, an extra letter or a wrong inner letter."""
    if len(a) == len(b):
        wrong = [k for k in range(len(a)) if a[k] != b[k]]
        if len(wrong) == 2 and wrong[1] == wrong[0] + 1 and sorted(a) == sorted(b):
            return len(a) >= 6
        # Endings tell cells apart (osteoblast, osteoclast), so a wrong letter there is no slip.
        return len(wrong) == 1 and len(a) >= 10 and wrong[0] < len(a) - 6
    long, short = sorted((a, b), key=len, reverse=True)
    if len(long) - len(short) != 1 or len(short) < 7:
        return False
    return any(long[:k] + long[k + 1 :] == short for k in range(1, len(long)))
