"""Turn a free-text cell type label into a Cell Ontology term; rather none than a wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from . import rules
from .graph import read_tsv
from .index import SCORES, NameIndex
from .match import Match
from .normalise import bag_of, words

if TYPE_CHECKING:
    from .cells import CellOntology

_ID = re.compile(r"\s*CL[:_]?(\d{7})\s*", re.I)
ROOT = "CL:0000000"
_MIXTURE = Match("", "", "rule", 0.5, "")


class CellResolver:
    """Free text to Cell Ontology terms, from the surest way to the least sure.

    The order is: id, official name, curated abbreviation, synonym, the same words in another
    spelling or order, then rules that drop words (and so answer a more general term), then
    misspellings.
    """

    def __init__(self, ontology: CellOntology) -> None:
        self._ontology = ontology
        self._index = NameIndex(ontology)

    @cached_property
    def _abbreviations(self) -> dict[tuple[str, ...], list[tuple[str, str]]]:
        """Words of a curated label to (tissue, id), those with a tissue first."""
        table: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for row in read_tsv("abbreviations.tsv"):
            found = words(row["label"])
            for key in {found, _loose(found)}:
                table.setdefault(key, []).append((row["tissue"], row["cl_id"]))
        return {key: sorted(rows, key=lambda row: not row[0]) for key, rows in table.items()}

    @cached_property
    def _slash_labels(self) -> frozenset[tuple[str, ...]]:
        labels = (row["label"] for row in read_tsv("abbreviations.tsv"))
        return frozenset(words(label) for label in labels if "/" in label)

    @cached_property
    def _heads(self) -> list[tuple[tuple[str, ...], str]]:
        """Words that name a kind of cell at the end of a label, longest first."""
        rows = [(words(row["label"]), row["cl_id"]) for row in read_tsv("heads.tsv")]
        return sorted(rows, key=lambda row: -len(row[0]))

    def resolve(self, text: str, tissue: str | None = None) -> Match | None:
        """The term that a label names, or None where it names none or several unlike ones.

        Parameters
        ----------
        text
            A label as people write it: "CD14+ Mono", "T-cells, CD8+", "B cell_Cd74 high(Lung)".
        tissue
            UBERON id or name of the sample; decides between readings (HSC in liver or in marrow).
        """
        query = str(text).strip()
        place = _place(tissue) if tissue else None
        digits = _ID.fullmatch(query)
        if digits:
            return self._by_id(f"CL:{digits[1]}", query)
        if rules.names_no_cell(query) and not self._index.is_known(query):
            return None
        ways = (self._slashed, self._direct, self._by_rule, self._by_head, self._by_spelling)
        for attempt in ways:
            found = attempt(query, place)
            if found is not None:
                # A rewritten text was looked up; the caller must see the one that was asked.
                return None if found is _MIXTURE else replace(found, query=query)
        return None

    def suggest(self, text: str, n: int = 3) -> list[str]:
        """Official names that look most like a text, best first."""
        return self._index.suggest(text, n)

    def _by_id(self, term: str, query: str) -> Match | None:
        if term not in self._ontology and term not in self._ontology.replaced:
            return None
        term = self._ontology.current_id(term)
        return Match(term, self._ontology.name(term), "id", SCORES["id"], query)

    def _direct(self, text: str, place: str | None) -> Match | None:
        """By name, abbreviation, synonym or respelling; no word of the text is dropped."""
        # Where the sample comes from may overrule a general name: "basal cell" of a breast.
        return (
            self._abbreviated(text, place, only_here=True)
            or self._index.official(text)
            or self._abbreviated(text, place)
            or self._index.spelled(text)
        )

    def _slashed(self, text: str, place: str | None) -> Match | None:
        """What whole cell names between slashes have in common: "NK/T" is not the NK T cell."""
        parts = [part for part in text.split("/") if part.strip()]
        if len(parts) < 2 or words(text) in self._slash_labels:
            return None
        if any(self._direct(part, place) is None for part in parts):
            return None
        return self._joined(text, place)

    def _abbreviated(
        self, text: str, place: str | None, *, only_here: bool = False
    ) -> Match | None:
        found = words(text)
        rows = self._abbreviations.get(found) or self._abbreviations.get(_loose(found), ())
        for tissue, term in rows:
            here = _is_in(place, tissue) if tissue else not only_here
            if here:
                name = self._ontology.name(term)
                return Match(term, name, "abbreviation", SCORES["abbreviation"], text)
        return None

    def _by_rule(self, text: str, place: str | None) -> Match | None:
        for candidate, score in self._rewritten(text):
            found = self._direct(candidate, place)
            if found and self._is_answer(found.id):
                return self._sharpened(found, text, place, score)
        return self._joined(text, place)

    def _rewritten(self, text: str) -> Iterator[tuple[str, float]]:
        """Shorter forms of a label with the trust that an answer to each deserves."""
        plain = [text, *rules.unwrapped(text)]
        for candidate in plain[1:]:
            yield candidate, 0.92
        for candidate in plain:
            cut = rules.without_sample(candidate)
            if cut and self._direct(cut[1], None) is None:
                yield from ((shorter, 0.9) for shorter in [cut[0], *rules.unwrapped(cut[0])])
        for inner in rules.in_brackets(text):
            if not rules.is_guarded(text):
                yield inner, 0.85
        for candidate in plain:
            if len(rules.mixture_parts(candidate)) == 1:
                yield from self._shortened(candidate)

    def _shortened(self, text: str) -> Iterator[tuple[str, float]]:
        steps: list[tuple[Callable[[str], str], float]] = [(rules.without_states, 0.85)]
        if not rules.is_guarded(text):
            steps += [(rules.without_genes, 0.8), (rules.without_organs, 0.75)]
        for step, score in steps:
            shorter = step(text)
            if shorter and words(shorter) != words(text):
                yield shorter, score

    def _sharpened(self, found: Match, text: str, place: str | None, score: float) -> Match:
        """The match, or a finer term that the label has in brackets: "B cell (Plasmocyte)"."""
        for inner in rules.in_brackets(text):
            other = self._direct(inner, place)
            if other and self._is_answer(other.id) and self._refines(other.id, found.id):
                found = other
        return replace(found, how="rule", score=score)

    def _refines(self, term: str, coarse: str) -> bool:
        graph = self._ontology
        # Plasma cells are no B cells in the ontology, so being of one lineage is enough.
        same = graph.lineage(term) == graph.lineage(coarse) != graph.compartment(coarse)
        return graph.is_a(term, coarse) or (same and not graph.is_a(coarse, term))

    def _joined(self, text: str, place: str | None) -> Match | None:
        """What the parts of "CD4/CD8 T" or "Epithelial_Goblet" have in common in one lineage.

        `_MIXTURE` says that the label joins unlike cells, so that no later rule guesses one.
        """
        parts, mixed = rules.mixture_parts(text), True
        if len(parts) == 1:
            parts, mixed = rules.segments(rules.undotted(text)), False
        if len(parts) == 1 or rules.is_guarded(text):
            return None
        found = [self._part(part, place) for part in parts]
        terms = {match.id for match in found if match and self._is_answer(match.id)}
        if not terms or (mixed and None in found):
            return _MIXTURE if mixed else None
        term = self._agreed(terms, mixed=mixed)
        return Match(term, self._ontology.name(term), "rule", 0.7, text) if term else _MIXTURE

    def _part(self, text: str, place: str | None) -> Match | None:
        tries = (self._direct(t, place) for t in [text, *rules.unwrapped(text)])
        return next((match for match in tries if match), None)

    def _agreed(self, terms: set[str], *, mixed: bool) -> str | None:
        lowest = [t for t in sorted(terms) if all(self._ontology.is_a(t, other) for other in terms)]
        if lowest and not mixed:
            return lowest[0]
        if len({self._ontology.lineage(term) for term in terms}) > 1:
            return None
        common = self._ontology.common_ancestor(terms)
        return common if self._is_answer(common) else None

    def _by_head(self, text: str, place: str | None) -> Match | None:
        """The kind of cell that the last words name: "Adhesive macrophage" is a macrophage."""
        if rules.is_guarded(text) or len(rules.mixture_parts(text)) > 1:
            return None
        for candidate in [text, *rules.unwrapped(text)]:
            found = words(candidate)
            for head, term in self._heads:
                if found[-len(head) :] == head:
                    if self._is_another(found[: -len(head)], term, place):
                        return None
                    return Match(term, self._ontology.name(term), "rule", 0.6, text)
        return None

    def _is_another(self, before: tuple[str, ...], term: str, place: str | None) -> bool:
        """Whether the words before a head name another lineage: "macrophage DC" is a mixture."""
        other = self._direct(" ".join(before), place) if before else None
        if other is None or not self._is_answer(other.id):
            return False
        return self._ontology.lineage(other.id) != self._ontology.lineage(term)

    def _by_spelling(self, text: str, place: str | None) -> Match | None:
        for candidate in [text, *rules.unwrapped(text)]:
            found = self._index.misspelled(candidate)
            if found and self._is_answer(found.id):
                return found
        return None

    def _is_answer(self, term: str) -> bool:
        """Whether a term says something; "cell", left over from a longer label, does not."""
        return term != ROOT and term not in self._ontology.property_classes


def _loose(found: tuple[str, ...]) -> tuple[str, ...]:
    # Marked, so that the words of one label never equal the loose words of another.
    return ("*", *bag_of(found))


@lru_cache(maxsize=4096)
def _place(tissue: str) -> str | None:
    from .tissues import tissue_ontology

    match = tissue_ontology().resolve(tissue)
    return match.id if match else None


@lru_cache(maxsize=4096)
def _is_in(place: str | None, tissue: str) -> bool:
    if place is None:
        return False
    from .tissues import tissue_ontology

    ontology = tissue_ontology()
    match = ontology.resolve(tissue)
    return match is not None and ontology.is_a(place, match.id)
