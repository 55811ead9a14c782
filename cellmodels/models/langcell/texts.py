"""The text that stands for a cell type: of one template where the type is known."""

from __future__ import annotations

from dataclasses import replace

from biosequence.errors import UsageError
from cellmodels.ontology import cell_ontology, tissue_ontology

from .facts import CellFacts, cell_facts
from .mentions import mentions

# A text is read once for each type; more than this adds length and hardly any news.
MOST_SYNONYMS = 3
MOST_TISSUES = 3
MOST_MARKERS = 10


def identity_text(cl_id: str, *, tissue: str | None = None, organism: str | None = None) -> str:
    """The description of a type of the Cell Ontology, the same in every run.

    It tells the name, three synonyms, the parents, the lineage, the tissues and the best marker
    genes, each where the bundled tables know it. A type without markers of its own tells those of
    its nearest ancestor that has some, as the ancestor's.

    Parameters
    ----------
    cl_id
        Any id of the Cell Ontology, retired ones included.
    tissue
        Where the sample comes from, as an UBERON id or a name; it takes the place of the type's
        own tissues. A name that the ontology does not know stays as it is.
    organism
        "human" or "mouse": whose gene symbols the text has. None gives human symbols.

    Raises
    ------
    InputError
        If the ontology has no such id.
    UsageError
        For another organism.

    Examples
    --------
    >>> identity_text("CL:0000786", tissue="PBMC", organism="mouse")[:76]
    'plasma cell. Also called plasma B cell; plasmacyte; plasmocyte. A kind of ly'
    """
    facts = cell_facts(cl_id, organism)
    return describe(replace(facts, tissues=(place_name(tissue),)) if tissue else facts)


def candidate_text(text: str, *, tissue: str | None = None, organism: str | None = None) -> str:
    """A free description as it stands, and what the words in it that are known add.

    Cell types that its words name give the kind and the lineage (what several have in common),
    tissues their official names, genes their official symbols, in the template of
    `identity_text`. Beside a word that makes another cell of its neighbours ("non", "like",
    "progenitor"), no kind is told.

    Parameters
    ----------
    text
        A description that no ontology term stands for.
    tissue
        Where the sample comes from; it takes the place of tissues that the text names.
    organism
        "human" or "mouse": whose genes the text may name. None means human.

    Raises
    ------
    UsageError
        If the text is empty, or for another organism.

    Examples
    --------
    >>> candidate_text("cytotoxic lymphocytes in gut, ITGAE+")
    'cytotoxic lymphocytes in gut, ITGAE+. A kind of lymphocyte. Lineage: immune. \
Found in intestine. Expresses ITGAE.'
    """
    text = " ".join(text.split())
    if not text:
        msg = "A candidate is empty."
        raise UsageError(msg, where="candidates", fix="Describe each candidate in words.")
    found = mentions(text, organism or "human")
    ontology = cell_ontology()
    places = [place_name(tissue)] if tissue else list(map(tissue_ontology().name, found.tissues))
    return describe(
        CellFacts(
            cl_id="",
            name=text.rstrip("."),
            parents=(ontology.name(found.kind),) if found.kind else (),
            lineage=ontology.lineage(found.kind) if found.kind else "",
            compartment=ontology.compartment(found.kind) if found.kind else "",
            tissues=tuple(places),
            markers=found.genes,
        )
    )


def describe(facts: CellFacts) -> str:
    """Facts in the template of `identity_text`; what is empty is left out.

    Examples
    --------
    >>> describe(CellFacts(cl_id="", name="", parents=("T cell",), markers=("FOXP3", "IL2RA")))
    'A kind of T cell. Expresses FOXP3, IL2RA.'
    """
    facts = shown(facts)
    sentences = []
    if facts.name:
        sentences.append(facts.name)
    if facts.synonyms:
        sentences.append(f"Also called {'; '.join(facts.synonyms)}")
    if facts.parents:
        sentences.append(f"A kind of {' and '.join(facts.parents)}")
    if facts.lineage:
        own = facts.compartment in ("", facts.lineage)
        coarse = facts.lineage if own else f"{facts.lineage}, {facts.compartment}"
        sentences.append(f"Lineage: {coarse}")
    if facts.tissues:
        sentences.append(f"Found in {', '.join(facts.tissues)}")
    if facts.markers:
        as_what = f"As {facts.markers_of}, expresses" if facts.markers_of else "Expresses"
        sentences.append(f"{as_what} {', '.join(facts.markers)}")
    return "".join(f"{sentence}. " for sentence in sentences).rstrip()


def shown(facts: CellFacts) -> CellFacts:
    """The facts that a description has room for, and that say more than the name."""
    # Long synonyms repeat the name's words; short ones are what people write.
    short = sorted(facts.synonyms, key=len)[:MOST_SYNONYMS]
    silent = facts.lineage in ("other", facts.name)
    return replace(
        facts,
        synonyms=tuple(sorted(short)),
        lineage="" if silent else facts.lineage,
        tissues=facts.tissues[:MOST_TISSUES],
        markers=facts.markers[:MOST_MARKERS],
    )


def place_name(tissue: str) -> str:
    """The official name of a tissue; the text itself where the ontology does not know it.

    Examples
    --------
    >>> place_name("PBMC"), place_name("organoid X")
    ('blood', 'organoid X')
    """
    match = tissue_ontology().resolve(tissue)
    return match.name if match else tissue.strip()
