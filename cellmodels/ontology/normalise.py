"""Bring the many spellings of a cell or tissue name to one list of words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ω": "omega",
}  # fmt: skip
_SPELLINGS = {
    "haem": "hem", "oesoph": "esoph", "oestr": "estr", "foet": "fet", "leuco": "leuko",
    "tumour": "tumor", "fibre": "fiber", "caec": "cec", "anaem": "anem", "centre": "center",
    "plasmocyt": "plasmacyt", "nonclassical": "non classical",
}  # fmt: skip
_BRITISH = re.compile("|".join(_SPELLINGS))
_JOINED = re.compile(r"\b(b|t|nk|nkt|plasma|mast|stem|tuft|goblet|club|paneth|ilc\d?)cells?\b")
_SIGN_WORD = re.compile(r"[\s-]*\b(positive|pos|negative|neg)\b")
# A sign belongs to the marker before it: "CD14+", "CD4-positive", "IgD-" at the end of a word.
_MARKER_PLUS = re.compile(r"(?<=[a-z0-9])\+")
_MARKER_MINUS = re.compile(r"\b(cd\d+\w*|ig[adgme]\d?|c?kit|nk1\.1)-(?=[\s,;/)]|cd|$)")
_GREEK_JOINED = re.compile(r"(alpha|gamma)(beta|delta)")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
_SURE_ROMAN = {"ii", "iii", "iv"}
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
_IDLE = frozenset({"of", "the", "cell", "in", "from", "with", "gland"})
# Adjectives of organs, so that "gastric epithelial cell" is an "epithelial cell of stomach".
_ORGANS = {
    "gastric": "stomach", "hepatic": "liver", "pulmonary": "lung", "renal": "kidney",
    "cardiac": "heart", "colonic": "colon", "intestinal": "intestine", "thymic": "thymus",
    "splenic": "spleen", "esophageal": "esophagus", "prostatic": "prostate",
    "pancreatic": "pancreas", "tracheal": "trachea", "bronchial": "bronchus", "ovarian": "ovary",
    "uterine": "uterus", "testicular": "testis", "placental": "placenta", "ileal": "ileum",
    "duodenal": "duodenum", "jejunal": "jejunum", "rectal": "rectum", "corneal": "cornea",
    "retinal": "retina", "cortical": "cortex", "hippocampal": "hippocampus",
    "cerebellar": "cerebellum", "striatal": "striatum", "hypothalamic": "hypothalamus",
    "endometrial": "endometrium", "decidual": "decidua", "ventricle": "ventricular",
}  # fmt: skip


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of a name in order: lower case, singular, US spelling, arabic numerals.

    A marker and its sign are one word: `cd4+`, `cd8-`.
    """
    text = text.lower()
    if not text.isascii():
        text = _ascii(text)
    text = _BRITISH.sub(lambda m: _SPELLINGS[m[0]], text)
    # Most official names are plain words; they need none of the slower steps.
    plain = text.replace(" ", "").isalnum() and "cell" not in text and "tive" not in text
    return tuple(_singulars(text.split() if plain else _tokens(text)))


def _tokens(text: str) -> list[str]:
    text = _GREEK_JOINED.sub(r"\1 \2", text)
    text = text.replace("_", " ").replace("'s", "")
    text = _JOINED.sub(r"\1 cell", text)
    text = _SIGN_WORD.sub(lambda m: "\x01 " if m[1].startswith("pos") else "\x02 ", text)
    text = _MARKER_PLUS.sub("\x01 ", text)
    text = _MARKER_MINUS.sub("\\1\x02 ", text)
    text = re.sub(r"[^\w\x01\x02.]+|\.(?!\d)|(?<!\d)\.", " ", text)
    return text.replace("\x01", "+").replace("\x02", "-").split()


def _singulars(tokens: list[str]) -> list[str]:
    found: list[str] = []
    for word in tokens:
        # A lone "i" or "v" is a numeral only where a number is due.
        if word in _ROMAN and (word in _SURE_ROMAN or (found and found[-1] in _ROMAN_AFTER)):
            word = _ROMAN[word]
        found.append(_singular(word))
    return found


def bag(text: str) -> tuple[str, ...]:
    """The words of a name without order and without words that carry no meaning ("of", "cell")."""
    return bag_of(words(text))


def bag_of(found: tuple[str, ...]) -> tuple[str, ...]:
    """As `bag`, for words already split."""
    # A marker without a sign means that the cell has it: "CD14 monocyte".
    plain = (word.rstrip("+") for word in found if word not in _IDLE)
    return tuple(sorted(_ORGANS.get(word, word) for word in plain))


def _ascii(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("–", "-").replace("−", "-").replace("’", "'")
    for letter, name in GREEK.items():
        text = text.replace(letter, f" {name} ")
    # Letters lose their marks ("Müller", "Schwann" in French texts), as names are often retyped.
    parts = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


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
