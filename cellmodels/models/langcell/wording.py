"""What the model reads for words of a user."""

from __future__ import annotations

from biosequence.errors import UsageError
from cellmodels.ontology import cell_ontology

from .texts import candidate_text, identity_text

# Below this score a term is more general than the words, which then say more by themselves.
SURE = 0.9


def text_of_words(words: str) -> str:
    """The description of the cell type that the words name, or the words as a description.

    Parameters
    ----------
    words
        A name, a synonym, an id of the Cell Ontology, or anything else about cells.

    Raises
    ------
    UsageError
        If there are no words.

    Examples
    --------
    >>> text_of_words("B lymphocytes")[:22]
    'B cell. Also called B '
    >>> text_of_words("cytotoxic lymphocytes in gut")
    'cytotoxic lymphocytes in gut. A kind of lymphocyte. Lineage: immune. Found in intestine.'
    """
    if not words.strip():
        raise UsageError(
            "The description of cells is empty.",
            where="query",
            fix='Say in words which cells you mean, such as "cytotoxic lymphocytes".',
        )
    match = cell_ontology().resolve(words)
    if match is not None and match.score >= SURE:
        return identity_text(match.id)
    return candidate_text(words)
