"""Ways in which labels of real data sets differ from ontology names, as rewritten texts."""

from __future__ import annotations

import re
from functools import lru_cache

from .graph import read_tsv
from .normalise import words

_BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_GENE_LEVEL = re.compile(
    r"[\s_,-]*(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9.\-]*[\s_]*(?<=[\s_])(?:high|low|hi|lo|bright|dim)\b", re.I
)
_LEAD_NUMBER = re.compile(r"^\s*(?:cluster|clust|c)?[\s_\-#]*\d+[\s_]*[:.\-_|)][\s_]*(?=\D)|^\s*\d+\s+(?=[A-Za-z])", re.I)
_TRAIL_NUMBER = re.compile(r"[\s_\-.:#]+(?:cluster|clust|c)?[\s_\-#]*\d+(?:[._-]\d+)*\s*$|(?<=[a-z]{4})\d+\s*$", re.I)
_GENE_WORD = re.compile(
    r"(?:[A-Z][A-Z0-9]*\d[A-Z0-9]*|[A-Z][a-z]{1,6}\d+[a-z0-9]*|[A-Z]{3,}|[A-Z][A-Za-z0-9.]+(?=[+\-−]))[+\-−]*(?:\s*(?:high|low|hi|lo))?"
)
_MIXTURE = re.compile(r"\s*(?:/|;|\||&|\bor\b|\band\b|\+(?=\s*[A-Z][a-z]))\s*")
_SEGMENTS = re.compile(r"\s*(?:_|,|:\s|\s-\s|\.(?=[A-Za-z]))\s*")


@lru_cache(maxsize=1)
def word_kinds() -> dict[str, frozenset[str]]:
    """Curated words by kind: "state", "organ", "guard" (its cell is another cell), "noncell"."""
    kinds: dict[str, set[str]] = {}
    for row in read_tsv("label_words.tsv"):
        kinds.setdefault(row["kind"], set()).update(row["words"].split(","))
    return {kind: frozenset(found) for kind, found in kinds.items()}


def names_no_cell(text: str) -> bool:
    """Whether a label says that nobody knows, or that it is not one cell (unknown, doublet, low quality)."""
    found = words(text)
    plain = " ".join(found)
    noncell = word_kinds()["noncell"]
    return not found or plain in word_kinds()["nothing"] or any(
        re.search(rf"(?<!\w){re.escape(w)}(?!\w)", plain) for w in noncell
    )


def is_guarded(text: str) -> bool:
    """Whether a label holds a word after which dropping others would change the cell (progenitor, -like, non-)."""
    return not word_kinds()["guard"].isdisjoint(words(text))


def unwrapped(text: str) -> list[str]:
    """The text without brackets, gene levels, and cluster numbers before or behind it; nearest first."""
    found = []
    for step in (
        lambda t: _TRAIL_NUMBER.sub("", t),
        lambda t: _LEAD_NUMBER.sub("", t),
        lambda t: _BRACKETS.sub(" ", t),
        lambda t: _GENE_LEVEL.sub(" ", t),
        lambda t: _TRAIL_NUMBER.sub("", t),
    ):
        shorter = step(text).strip(" _-,;:")
        if shorter and shorter != text:
            text = shorter
            found.append(text)
    return found


def in_brackets(text: str) -> list[str]:
    """What a label says in brackets."""
    return [inner.strip() for inner in _BRACKETS.findall(text) if inner.strip()]


def mixture_parts(text: str) -> list[str]:
    """The cell names of a label that joins several with / & ; | and, or."""
    return [part for part in _MIXTURE.split(text) if part.strip()]


def segments(text: str) -> list[str]:
    """The pieces of a label between underscores, commas, colons and free dashes."""
    return [part.strip() for part in _SEGMENTS.split(text) if part.strip()]


def without_states(text: str) -> str:
    """The words of a label without states (activated, cycling, fetal)."""
    return _without(text, word_kinds()["state"])


def without_genes(text: str) -> str:
    """The words of a label without states and gene names."""
    plain = " ".join(part for part in re.split(r"[\s_]+", text) if not _GENE_WORD.fullmatch(part))
    return _without(plain, word_kinds()["state"])


def without_organs(text: str) -> str:
    """The words of a label without states, gene names and organ names."""
    plain = without_genes(text)
    return _without(plain, word_kinds()["state"] | word_kinds()["organ"])


def _without(text: str, drop: frozenset[str]) -> str:
    return " ".join(word for word in words(text) if word not in drop)
