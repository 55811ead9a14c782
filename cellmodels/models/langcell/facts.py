"""What the bundled tables say about a cell type: the stuff that its descriptions are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from biosequence.errors import UsageError
from cellmodels.genes import ORGANISMS, orthologs
from cellmodels.knowledge import MarkerRow, marker_rows
from cellmodels.ontology import CellOntology, cell_ontology
from cellmodels.ontology.cells import CELL

ANYWHERE = "any"


@dataclass(frozen=True, kw_only=True)
class CellFacts:
    """Names, relatives, places and genes of one cell type; an empty field says nothing.

    Attributes
    ----------
    cl_id, name
        Cell Ontology id and official name.
    synonyms
        Other names, sorted.
    abbreviations
        What the field writes, each with the tissue where it means this type ("" anywhere).
    parents
        Names one edge above. Classes by a mere property ("motile cell") give way to what lies
        above them.
    ancestors
        Names further above, nearest first, without classes by a property.
    lineage, compartment
        The curated coarse answers.
    tissues
        Where the type lives; empty where it lives everywhere or nothing is known.
    markers
        Genes in the organism's own symbols, the most telling first.
    markers_of
        The ancestor whose markers these are; "" where they are the type's own.
    """

    cl_id: str
    name: str
    synonyms: tuple[str, ...] = ()
    abbreviations: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()
    lineage: str = ""
    compartment: str = ""
    tissues: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    markers_of: str = ""


@lru_cache(maxsize=8192)
def cell_facts(cl_id: str, organism: str | None = None) -> CellFacts:
    """All that the bundled tables say about a cell type.

    Parameters
    ----------
    cl_id
        Any id of the Cell Ontology, retired ones included.
    organism
        "human" or "mouse": whose symbols the markers are in. None gives human symbols, as the
        gene space of both organisms does.

    Raises
    ------
    InputError
        If the ontology has no such id.
    UsageError
        For another organism.

    Examples
    --------
    >>> facts = cell_facts("CL:0000786", "mouse")
    >>> facts.name, facts.parents, facts.markers[:2]
    ('plasma cell', ('lymphocyte of B lineage',), ('Jchain', 'Igha'))
    """
    organism = organism or "human"
    if organism not in ORGANISMS:
        msg = f"There are no markers of {organism!r}."
        raise UsageError(msg, fix=f"Choose one of: {', '.join(ORGANISMS)}.")
    ontology = cell_ontology()
    term = ontology.current_id(cl_id)
    parents = _telling_parents(ontology, term)
    above = _above(ontology, term)
    markers_of, markers = _markers(term, above, organism)
    return CellFacts(
        cl_id=term,
        name=ontology.name(term),
        synonyms=ontology.synonyms(term),
        abbreviations=_abbreviations(ontology, term),
        parents=tuple(map(ontology.name, parents)),
        ancestors=tuple(ontology.name(a) for a in above if a not in parents),
        lineage=ontology.lineage(term),
        compartment=ontology.compartment(term),
        tissues=_tissues(term),
        markers=markers,
        markers_of=ontology.name(markers_of) if markers_of else "",
    )


def _abbreviations(ontology: CellOntology, term: str) -> tuple[tuple[str, str], ...]:
    """What the field writes, without the few labels that are another type's own name."""
    found = []
    for label, tissue in ontology.abbreviations(term):
        match = ontology.resolve(label, tissue=tissue or None)
        if match is not None and match.id == term:
            found.append((label, tissue))
    return tuple(found)


def _telling_parents(ontology: CellOntology, term: str) -> tuple[str, ...]:
    silent = ontology.property_classes | {CELL}
    level = ontology.parents(term)
    while level and all(parent in silent for parent in level):
        level = tuple(dict.fromkeys(p for parent in level for p in ontology.parents(parent)))
    return tuple(parent for parent in level if parent not in silent)


def _above(ontology: CellOntology, term: str) -> tuple[str, ...]:
    """Ancestors that say something, nearest first: the deeper, the fewer lie between."""
    telling = ontology.ancestors(term) - ontology.property_classes - {CELL}
    return tuple(sorted(telling, key=lambda a: (-len(ontology.ancestors(a)), a)))


@lru_cache(maxsize=1)
def _rows() -> dict[str, tuple[MarkerRow, ...]]:
    found: dict[str, list[MarkerRow]] = {}
    for row in marker_rows():
        found.setdefault(row.cl_id, []).append(row)
    return {cl_id: tuple(rows) for cl_id, rows in found.items()}


def _tissues(term: str) -> tuple[str, ...]:
    rows = _rows().get(term, ())
    tissues = dict.fromkeys(tissue for row in rows for tissue in row.tissues)
    return () if ANYWHERE in tissues else tuple(tissues)


def _markers(term: str, above: tuple[str, ...], organism: str) -> tuple[str, tuple[str, ...]]:
    """The ancestor ("" for the type itself) that the markers are of, and the markers."""
    for source in (term, *above):
        genes = _genes(_rows().get(source, ()), organism)
        if genes:
            return ("" if source == term else source), genes
    return "", ()


def _genes(rows: tuple[MarkerRow, ...], organism: str) -> tuple[str, ...]:
    """Genes of the organism's own row, then of the common one; another's only in their absence."""
    rank = {organism: 0, "both": 1}
    usable = [row for row in rows if row.organism in rank] or list(rows)
    usable.sort(key=lambda row: rank.get(row.organism, 2))
    return tuple(dict.fromkeys(gene for row in usable for gene in _spelled(row, organism)))


def _spelled(row: MarkerRow, organism: str) -> list[str]:
    """The markers of a row in an organism's symbols; genes that it lacks are left out."""
    written = "mouse" if row.organism == "mouse" else "human"
    if written == organism:
        return list(row.positive)
    theirs = orthologs(written, organism)
    return [theirs[gene][0] for gene in row.positive if gene in theirs]
