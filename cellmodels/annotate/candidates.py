"""Cell types named by the user: free text to the ids that may be answered."""

from __future__ import annotations

from collections.abc import Sequence

from biosequence.errors import UsageError
from cellmodels.ontology import cell_ontology

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
    texts = split_names(given) if isinstance(given, str) else [text.strip() for text in given]
    ontology = cell_ontology()
    found = []
    for text in texts:
        match = ontology.resolve(text, tissue=tissue)
        if match is None:
            near = ", ".join(ontology.suggest(text))
            msg = f"No cell type is called {text!r}."
            fix = f"Did you mean: {near}?" if near else "Use CL names."
            raise UsageError(msg, where="--candidates", fix=fix)
        found.append(match.id)
    return tuple(dict.fromkeys(found))


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
