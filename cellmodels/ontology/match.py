"""What a look-up by free text answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Match:
    """A term found for a text, how it was found, and how much to trust it.

    `how` is "id", "name", "synonym", "normalised" (same words in another spelling or order),
    "abbreviation" (curated), "rule" (a more general term, after words were dropped) or "fuzzy"
    (a misspelling). `score` lies in (0, 1]; below 0.9 the term is more general or less sure than
    the text.
    """

    id: str
    name: str
    how: str
    score: float
    query: str
