"""Bring the many spellings of a cell or tissue name to one list of words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ω": "omega",
}  # fmt: skip
_BRITISH = (
    (re.compile(r"haem"), "hem"),
    (re.compile(r"oesoph"), "esoph"),
    (re.compile(r"oestr"), "estr"),
    (re.compile(r"foet"), "fet"),
    (re.compile(r"leuco"), "leuko"),
    (re.compile(r"tumour"), "tumor"),
    (re.compile(r"fibre"), "fiber"),
    (re.compile(r"paed"), "ped"),
    (re.compile(r"caec"), "cec"),
    (re.compile(r"anaem"), "anem"),
    (re.compile(r"plasmocyt"), "plasmacyt"),
)
_JOINED = re.compile(r"\b(b|t|nk|nkt|plasma|mast|stem|tuft|goblet|club|paneth|ilc\d?)cells?\b")
_SIGN_WORD = re.compile(r"[\s-]*\b(positive|pos|negative|neg)\b")
# A sign belongs to the marker before it: "CD14+", "CD4-positive", "IgD-" at the end of a word.
_MARKER_PLUS = re.compile(r"(?<=[a-z0-9])\+")
_MARKER_MINUS = re.compile(r"\b(cd\d+[a-z]*|ig[adgme]\d?|kit|ckit|nk1\.1|cd\d+\w*)[-−](?=[\s,;/)]|cd|$)")
_GREEK_JOINED = re.compile(r"(alpha|gamma)(beta|delta)")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
_ROMAN_AFTER = {"type", "layer", "group", "class", "pneumocyte"}
_KEEP_S = {
    "langerhans", "corpus", "thymus", "uterus", "pancreas", "iris", "cis", "trans", "islets",
    "plexus", "meninges", "calyces", "pons", "cancellous", "penis", "testis", "epidermis",
    "dermis", "his", "ms", "cajals", "bronchus", "hippocampus", "esophagus", "humerus",
}  # fmt: skip
_PLURALS = {
    "testes": "testis", "ovaries": "ovary", "nuclei": "nucleus", "bronchi": "bronchus",
    "ganglia": "ganglion", "villi": "villus", "alveoli": "alveolus", "glia": "glia",
    "epithelia": "epithelium", "cortices": "cortex", "vertebrae": "vertebra",
    "meninges": "meninx", "monos": "mono", "lumens": "lumen", "dcs": "dc", "biopsies": "biopsy",
}  # fmt: skip
_IDLE = frozenset({"of", "the", "a", "an", "cell", "in", "from", "with"})


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of a name in order: lower case, singular, US spelling, arabic numerals, `cd4+` / `cd8-` as one word."""
    text = unicodedata.normalize("NFKC", text).lower().replace("–", "-").replace("−", "-")
    for letter, name in _GREEK.items():
        text = text.replace(letter, f" {name} ")
    text = _GREEK_JOINED.sub(r"\1 \2", text)
    for pattern, spelling in _BRITISH:
        text = pattern.sub(spelling, text)
    text = text.replace("_", " ").replace("'s", "").replace("’s", "")
    text = _JOINED.sub(r"\1 cell", text)
    text = _SIGN_WORD.sub(lambda m: "\x01 " if m[1].startswith("pos") else "\x02 ", text)
    text = _MARKER_PLUS.sub("\x01 ", text)
    text = _MARKER_MINUS.sub("\\1\x02 ", text)
    text = re.sub(r"[^\w\x01\x02.]+|\.(?!\d)|(?<!\d)\.", " ", text)
    text = text.replace("\x01", "+").replace("\x02", "-")
    found: list[str] = []
    for word in text.split():
        if word in _ROMAN and (word in ("ii", "iii", "iv") or (found and found[-1] in _ROMAN_AFTER)):
            word = _ROMAN[word]
        found.append(_singular(word))
    return tuple(found)


def bag(text: str) -> tuple[str, ...]:
    """The words of a name without order and without words that carry no meaning ("of", "cell")."""
    return bag_of(words(text))


def bag_of(found: tuple[str, ...]) -> tuple[str, ...]:
    """As `bag`, for words already split."""
    return tuple(sorted(word for word in found if word not in _IDLE))


def _singular(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    if len(word) < 4 or not word.endswith("s") or word in _KEEP_S:
        return word
    if word.endswith(("ss", "us", "is", "as", "ys")):
        return word
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    return word[:-1]
