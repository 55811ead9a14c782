"""Ways in which labels of real data sets differ from ontology names, as rewritten texts."""

from __future__ import annotations

import re
from functools import lru_cache

from .graph import read_tsv
from .normalise import words

_BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_LEVEL = r"(?:high|low|hi|lo|bright|dim)"
_GENE_LEVEL = re.compile(rf"[\s_,-]*(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9.\-]*[\s_]+{_LEVEL}\b", re.I)
# R writes dots into gene names too: "Erythroblast.Hbb.bs.high".
_DOTTED_GENE = re.compile(rf"\.(?:mt\.)?(?:[A-Z][\w&]*|\d\w+Rik)(?:\.[a-z0-9]+)?\.{_LEVEL}$")
_NUMBER = r"(?:cluster|clust|c)?[\s_\-#]*\d+"
_LEAD_NUMBER = re.compile(rf"^\s*{_NUMBER}[\s_]*[:.\-_|)][\s_]*(?=\D)|^\s*\d+\s+(?=[A-Za-z])", re.I)
_TRAIL_NUMBER = re.compile(
    rf"[\s_\-.:#]+{_NUMBER}(?:[._-]\d+)*\s*$|(?<=[a-z]{{4}})\d+\s*$|\s+type\s+\w{{1,2}}\s*$", re.I
)
_SAMPLE = re.compile(r"(?<=[a-z\d])\.[A-Z][a-z]+_[A-Za-z]\w+$")
_KEEP_MARKERS = re.compile(r"CD[48][AB]?[+\-−]*")
# Human (SPP1) and mouse (Cd74) symbols, and any word with a sign behind it (Plvap+).
_GENE_WORD = re.compile(
    r"(?:[A-Z][A-Z0-9]*\d[A-Z0-9]*|[A-Z][a-z]{1,6}\d+[a-z0-9]*|[A-Z]{3,}|[A-Z][\w.]+(?=[+\-−]))[+\-−]*"
)
_MIXTURE = re.compile(r"\s*(?:/|;|\||&|\bor\b|\band\b|\+(?=\s*[A-Z][a-z]))\s*")
_SEGMENTS = re.compile(r"\s*(?:_|,|:\s|\s-\s|\.(?=[A-Za-z]))\s*")


@lru_cache(maxsize=1)
def word_kinds() -> dict[str, frozenset[str]]:
    """Curated words by kind; the table says what each kind means."""
    kinds: dict[str, set[str]] = {}
    for row in read_tsv("label_words.tsv"):
        kinds.setdefault(row["kind"], set()).update(row["words"].split(","))
    return {kind: frozenset(found) for kind, found in kinds.items()}


def names_no_cell(text: str) -> bool:
    """Whether a label says that nobody knows, or that it is no one cell (unknown, doublet)."""
    found = words(text)
    plain = " ".join(found)
    noncell = word_kinds()["noncell"]
    return (
        not found
        or plain in word_kinds()["nothing"]
        or any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", plain) for w in noncell)
    )


def is_guarded(text: str) -> bool:
    """Whether a label has a word (progenitor, like, non) whose neighbours must not be dropped."""
    return not word_kinds()["guard"].isdisjoint(words(text))


def unwrapped(text: str) -> list[str]:
    """The text without brackets, gene levels and cluster numbers, step by step."""
    found = []
    for step in (
        undotted,
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


def undotted(text: str) -> str:
    """A label written by R ("B.cell.1"): blanks for dots, no sample after the last one."""
    text = _DOTTED_GENE.sub("", _SAMPLE.sub("", text))
    dotted = " " not in text and re.search(r"\.[A-Za-z]", text)
    return text.replace(".", " ") if dotted else text


def without_sample(text: str) -> tuple[str, str] | None:
    """A label before and after its last underscore, where what follows could name a sample."""
    before, _, after = text.rpartition("_")
    if before and re.fullmatch(r"[A-Z][A-Za-z\-]{3,}", after) and not is_guarded(after):
        return before, after
    return None


def in_brackets(text: str) -> list[str]:
    """What a label says in brackets."""
    return [inner.strip() for inner in _BRACKETS.findall(text) if len(inner.strip()) > 2]


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
    plain = " ".join(
        part
        for part in re.split(r"[\s_]+", text)
        if _KEEP_MARKERS.fullmatch(part) or not _GENE_WORD.fullmatch(part)
    )
    return _without(plain, word_kinds()["state"])


def without_organs(text: str) -> str:
    """The words of a label without states, gene names and organ names."""
    plain = without_genes(text)
    return _without(plain, word_kinds()["state"] | word_kinds()["organ"])


def _without(text: str, drop: frozenset[str]) -> str:
    return " ".join(word for word in words(text) if word not in drop)
