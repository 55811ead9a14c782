"""How people write the same words: plural, article, case, lists of genes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from cellmodels.ontology.normalise import words

# "loop of Henle epithelial cell" ends with its noun; "fibroblast of lung" has it before "of".
_LAST = re.compile(r"(cell|neuron|cyte|blast|phage|phil)$")
_CELL = re.compile(r"\bcell(?= (?:of|in|from|with|at|to|on)\b|[, ])")
_FIRST = re.compile(r"\w(?= (?:of|in|from|with|at|to|on) |,| \(|$)")


def plural(name: str) -> str:
    """The plural of a cell type's name; the name itself where no plural means the same.

    Examples
    --------
    >>> plural("alpha-beta T cell, human"), plural("fibroblast of lung"), plural("polar body")
    ('alpha-beta T cells, human', 'fibroblasts of lung', 'polar body')
    """
    known = words(name)
    if _LAST.search(name):
        tries = [f"{name}s"]
    else:
        tries = [pattern.sub(r"\g<0>s", name, count=1) for pattern in (_CELL, _FIRST)]
    return next((one for one in tries if one != name and words(one) == known), name)


def with_article(name: str) -> str:
    """The name after "a" or "an".

    Examples
    --------
    >>> with_article("astrocyte"), with_article("uterine cell")
    ('an astrocyte', 'a uterine cell')
    """
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def cased(text: str, rng: np.random.Generator, shares: dict[str, float]) -> str:
    """The text as it is, in lower case, with a first capital or in capitals, by their shares."""
    way = rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values()))
    if way == "lower":
        return text.lower()
    if way == "upper":
        return text.upper()
    return text[0].upper() + text[1:] if way == "first_upper" else text


def drawn_genes(
    markers: Sequence[str], rng: np.random.Generator, fewest: int, most: int
) -> tuple[str, ...]:
    """Some of the markers, in any order."""
    most = min(most, len(markers))
    count = rng.integers(min(fewest, most), most + 1)
    return tuple(markers[i] for i in rng.permutation(len(markers))[:count])


def gene_list(genes: Sequence[str], join: dict[str, Any]) -> str:
    """Genes in one text.

    Examples
    --------
    >>> gene_list(["CD3E", "CD4", "IL7R"], {"between": ", ", "last": " and "})
    'CD3E, CD4 and IL7R'
    """
    *first, last = genes
    return join["between"].join(first) + (join["last"] if first else "") + last
