"""Cell types named by the user: free text to the nodes that may be answered."""

from __future__ import annotations

from collections.abc import Sequence

from biosequence.errors import UsageError
from cellmodels.ontology import cell_ontology

from .nodes import free_node
from .result import UNKNOWN

# Below this score a term is more general than the text, which then says more by itself.
SURE = 0.9
# No name of the Cell Ontology holds more commas.
MOST_COMMAS = 6


def candidate_ids(given: str | Sequence[str] | None, tissue: str | None) -> tuple[str, ...] | None:
    """Cell Ontology ids of names, ids or descriptions; None where nothing is given.

    Parameters
    ----------
    given
        One text with commas between the types, or one text a type.
    tissue
        Where the sample comes from: it decides between readings of a name.

    Raises
    ------
    UsageError
        If a text names no cell type.
    """
    if given is None:
        return None
    ontology = cell_ontology()
    found = []
    for text in _texts(given):
        match = ontology.resolve(text, tissue=tissue)
        if match is None:
            near = ", ".join(ontology.suggest(text))
            msg = f"No cell type is called {text!r}."
            fix = f"Did you mean: {near}?" if near else "Use CL names."
            raise UsageError(msg, where="--candidates", fix=fix)
        found.append(match.id)
    return tuple(dict.fromkeys(found))


def candidate_nodes(given: str | Sequence[str], tissue: str | None) -> tuple[str, ...]:
    """A node for each name, id or description, each once; descriptions are kept as they are.

    A text becomes a term where that says the same: an id, a name, a synonym or an abbreviation.

    Parameters
    ----------
    given, tissue
        As :func:`candidate_ids`.

    Raises
    ------
    UsageError
        If there is none, one is empty, or one is what bioseq itself answers for want of a better.

    Examples
    --------
    >>> candidate_nodes("B cells, B lymphocyte, weird cells of the gut", None)
    ('CL:0000236', 'text weird cells of the gut')
    """
    ontology = cell_ontology()
    nodes: dict[str, str] = {}
    for text in _texts(given):
        if not text or text.casefold() == UNKNOWN.casefold():
            msg = f"{UNKNOWN!r} is no candidate: it is the answer where none fits."
            msg = msg if text else "A candidate is empty."
            raise UsageError(msg, where="--candidates", fix="Leave it out.")
        match = ontology.resolve(text, tissue=tissue)
        node = match.id if match and match.score >= SURE else free_node(text)
        nodes.setdefault(node.casefold(), node)
    if not nodes:
        msg = "There is no candidate."
        raise UsageError(msg, where="--candidates", fix="Describe at least one cell type.")
    return tuple(nodes.values())


def _texts(given: str | Sequence[str]) -> list[str]:
    return split_names(given) if isinstance(given, str) else [text.strip() for text in given]


def split_names(text: str) -> list[str]:
    """The names of a list with commas; names that hold commas themselves stay whole.

    Examples
    --------
    >>> split_names("B cell, CD8-positive, alpha-beta T cell, monocyte")
    ['B cell', 'CD8-positive, alpha-beta T cell', 'monocyte']
    """
    parts = [part for piece in text.split(",") if (part := piece.strip())]
    names = []
    while parts:
        length = next(
            (n for n in range(min(len(parts), MOST_COMMAS + 1), 1, -1) if _is_name(parts[:n])), 1
        )
        names.append(", ".join(parts[:length]))
        parts = parts[length:]
    return names


def _is_name(parts: Sequence[str]) -> bool:
    match = cell_ontology().resolve(", ".join(parts))
    return match is not None and match.how in ("name", "synonym")
