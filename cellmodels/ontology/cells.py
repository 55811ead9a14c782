"""The Cell Ontology as cell annotation uses it: names, relations, coarse lineages, free text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from biosequence.errors import UsageError

from .graph import TermGraph, read_table, read_tsv
from .match import Match
from .resolve import CellResolver

CELL = "CL:0000000"
Level = Literal["lineage", "compartment"]


@dataclass(frozen=True)
class Lineage:
    """A coarse answer: its level, term, a short name to print, and its compartment."""

    level: str
    cl_id: str
    name: str
    short_name: str
    compartment: str


class CellOntology(TermGraph):
    """The Cell Ontology with a curated roll-up to coarse terms and a look-up by free text."""

    @cached_property
    def lineages(self) -> tuple[Lineage, ...]:
        """The curated coarse terms of both levels, in order of priority."""
        return tuple(Lineage(**row) for row in read_tsv("lineages.tsv"))

    @cached_property
    def property_classes(self) -> frozenset[str]:
        """Terms that gather unrelated cells by one property ("secretory cell"): no answers."""
        return frozenset(row["cl_id"] for row in read_tsv("property_classes.tsv"))

    def abbreviations(self, term: str) -> tuple[tuple[str, str], ...]:
        """What the field writes for a term, each with the tissue where it means that.

        The tissue is "" where the label means the term anywhere.

        Examples
        --------
        >>> cell_ontology().abbreviations("CL:0002075")[0]
        ('brush', 'respiratory system')
        """
        return self._abbreviations.get(self.current_id(term), ())

    @cached_property
    def _abbreviations(self) -> dict[str, tuple[tuple[str, str], ...]]:
        labels: dict[str, set[tuple[str, str]]] = {}
        for row in read_tsv("abbreviations.tsv"):
            labels.setdefault(row["cl_id"], set()).add((row["label"], row["tissue"]))
        return {term: tuple(sorted(found)) for term, found in labels.items()}

    def _answerable(self, terms: frozenset[str]) -> frozenset[str]:
        return terms - self.property_classes or terms

    @cached_property
    def _rolled(self) -> dict[tuple[str, str], Lineage]:
        return {}

    def roll_up(self, term: str, level: Level) -> str:
        """The coarse term that a term belongs to: itself or one of its ancestors.

        A term below no lineage rolls up to its compartment, and one below no compartment to "cell".
        Several ids may share one short name (platelet and megakaryocyte): compare `lineage()` or
        `compartment()` to ask whether two terms agree.

        Raises
        ------
        InputError
            If the ontology has no such id.
        UsageError
            If `level` is neither "lineage" nor "compartment".
        """
        return self._coarse(term, level).cl_id

    def lineage(self, term: str) -> str:
        """Short name of the lineage of a term ("T cell", "fibroblast/stromal")."""
        return self._coarse(term, "lineage").short_name

    def compartment(self, term: str) -> str:
        """The compartment of a term.

        One of immune, blood, endothelial, epithelial, stromal, muscle, neural, germline, other.
        """
        return self._coarse(term, "lineage").compartment

    @cached_property
    def _resolver(self) -> CellResolver:
        return CellResolver(self)

    def resolve(self, text: str, *, tissue: str | None = None) -> Match | None:
        """The term that a free-text label names; None for unknowns, doublets and mixtures.

        Parameters
        ----------
        text
            An id, a name, a synonym, an abbreviation, or a label as data sets write it.
        tissue
            UBERON id or name of the sample, for labels whose meaning depends on it.

        Examples
        --------
        >>> cell_ontology().resolve("CD14+ Monocytes").name
        'CD14-positive monocyte'
        """
        return self._resolver.resolve(text, tissue)

    def suggest(self, text: str, n: int = 3) -> list[str]:
        """Official names that look most like a text that could not be resolved, best first."""
        return self._resolver.suggest(text, n)

    def _coarse(self, term: str, level: str) -> Lineage:
        if level not in ("lineage", "compartment"):
            msg = f"No level {level!r}."
            raise UsageError(msg, fix="Use lineage or compartment.")
        term = self.current_id(term)
        known = self._rolled.get((term, level))
        if known is None:
            find = self._find_lineage if level == "lineage" else self._find_compartment
            known = self._rolled[term, level] = find(term)
        return known

    def _find_lineage(self, term: str) -> Lineage:
        rows = self._rows_above(term, "lineage")
        # A row above another row says less about the term: microglia beats monocyte/macrophage.
        coarser = frozenset().union(*(self.ancestors(row.cl_id) for row in rows))
        rows = [row for row in rows if row.cl_id not in coarser]
        return rows[0] if rows else self._find_compartment(term)

    def _find_compartment(self, term: str) -> Lineage:
        rows = self._rows_above(term, "compartment")
        if self._rows_above(term, "lineage"):
            lineage = self._coarse(term, "lineage")
            same = [row for row in rows if row.compartment == lineage.compartment]
            return same[0] if same else lineage
        return rows[0]

    def _rows_above(self, term: str, level: str) -> list[Lineage]:
        above = self.ancestors(term) | {term}
        return [row for row in self.lineages if row.level == level and row.cl_id in above]


@lru_cache(maxsize=1)
def cell_ontology() -> CellOntology:
    """The bundled Cell Ontology; read once."""
    return CellOntology(*read_table("cell_ontology.json.gz"))
