"""The wording of training texts, read from `phrases.toml`."""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

# The fact that each word in braces needs; {label} needs one of the sources of its kind.
NEEDS = {
    "parent": "parents",
    "parents": "parents",
    "a_parent": "parents",
    "tissue": "tissues",
    "genes": "markers",
    "signed": "markers",
}


@dataclass(frozen=True)
class Kind:
    """One kind of training text.

    Attributes
    ----------
    name, share
        What it is called, and its part of all variants.
    phrases
        Texts with words in braces; empty for a sheet.
    labels
        Facts that a label is drawn from: "name", "synonyms", "abbreviations".
    sheet
        "whole" for the identity text, "some" for a part of it, "" for phrases.
    """

    name: str
    share: float
    phrases: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    sheet: str = ""
    needs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        fields = {name for phrase in self.phrases for _, name, _, _ in _parse(phrase) if name}
        object.__setattr__(self, "needs", frozenset(NEEDS[f] for f in fields if f in NEEDS))


@dataclass(frozen=True)
class Wording:
    """All kinds of text, and how genes, parents and letters are written; see `phrases.toml`."""

    kinds: tuple[Kind, ...]
    genes: dict[str, Any]
    direct: float
    case: dict[str, float]


@lru_cache(maxsize=1)
def wording() -> Wording:
    """The wording of `phrases.toml`; shares add up to one.

    Examples
    --------
    >>> round(sum(kind.share for kind in wording().kinds), 9)
    1.0
    """
    text = (files(__package__) / "phrases.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    total = sum(row["share"] for row in table["kinds"].values())
    kinds = []
    for name, row in table["kinds"].items():
        phrases = row.get("phrases", ())
        phrases = table["phrases"][phrases] if isinstance(phrases, str) else phrases
        kinds.append(
            Kind(
                name,
                row["share"] / total,
                tuple(phrases),
                tuple(row.get("labels", ())),
                row.get("sheet", ""),
            )
        )
    return Wording(tuple(kinds), table["genes"], table["parents"]["direct"], table["case"])


def _parse(phrase: str) -> list[tuple]:
    return list(string.Formatter().parse(phrase))
