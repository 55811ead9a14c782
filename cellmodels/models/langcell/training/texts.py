"""Texts that describe cells, in groups of variants that mean the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TEXTS = "texts.jsonl"
SURE = 0.9  # below, the ontology's term is more general than the label


@dataclass(frozen=True)
class CellText:
    """What can be said of a cell.

    Parameters
    ----------
    label
        Short name of the identity.
    texts
        Variants of the same statement; a cell draws one in every epoch.
    ontology_id
        Term of an ontology; cells of one term are no negatives of each other, whatever their
        texts.
    """

    label: str
    texts: tuple[str, ...]
    ontology_id: str | None = None


TextOf = Callable[["pd.DataFrame"], Sequence[CellText | None]]
"""From the table of cells to a text for every cell; None leaves a cell out."""


def texts_of_labels(key: str) -> TextOf:
    """Texts from a column of labels: the official name and its synonyms where it has one.

    Labels that the bundled Cell Ontology knows become its term, so that two spellings are one
    identity; others stand for themselves. Cells without a label are left out.

    Parameters
    ----------
    key
        Column of the table of cells.

    Examples
    --------
    >>> import pandas as pd
    >>> found = texts_of_labels("label")(pd.DataFrame({"label": ["CD14+ Monocytes", None]}))
    >>> found[0].ontology_id, found[0].texts[0], found[1]
    ('CL:0001054', 'cell type: CD14-positive monocyte', None)
    """

    def texts(obs: pd.DataFrame) -> list[CellText | None]:
        labels = label_column(obs, key)
        known = {label: _described(label) for label in set(labels) - {""}}
        return [known.get(label) for label in labels]

    return texts


def label_column(obs: pd.DataFrame, key: str) -> list[str]:
    """A column of labels as texts without spaces around them; empty where there is none.

    Raises
    ------
    InputError
        If there is no such column.
    """
    if key not in obs:
        raise InputError(
            f"The table of cells has no column {key!r}.",
            where="obs",
            fix=f"It has: {', '.join(map(str, list(obs)[:20])) or 'none'}.",
        )
    missing = obs[key].isna().to_numpy()
    values = obs[key].astype(object).to_numpy()
    return ["" if gone else str(value).strip() for value, gone in zip(values, missing, strict=True)]


def _described(label: str) -> CellText:
    from cellmodels.ontology import cell_ontology

    ontology = cell_ontology()
    match = ontology.resolve(label)
    if match is None or match.score < SURE:
        return CellText(label, (f"cell type: {label}",))
    names = [match.name, *ontology.synonyms(match.id)]
    texts = tuple(dict.fromkeys(f"cell type: {name}" for name in names))
    return CellText(match.name, texts, match.id)


def write_texts(path: Path, groups: Iterable[CellText]) -> None:
    """Write one line a group."""
    lines = [json.dumps(asdict(group), ensure_ascii=False) + "\n" for group in groups]
    path.write_text("".join(lines), encoding="utf-8")


def read_texts(folder: Path) -> list[CellText] | None:
    """The groups of texts of a corpus; None where it has cells only.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = folder / TEXTS
    if not path.exists():
        return None
    groups: list[CellText] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found = json.loads(line)
            texts = tuple(str(text) for text in found["texts"])
            group = CellText(str(found["label"]), texts, found.get("ontology_id"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _bad(path, number, "cannot be read") from error
        if not texts:
            raise _bad(path, number, "has no text")
        groups.append(group)
    return groups


def identities(groups: Sequence[CellText]) -> np.ndarray:
    """Number of the identity of each group, int64: one for each ontology term, or label.

    A term of the Cell Ontology has its place among all terms, in any corpus; what follows them is
    numbered as it comes.

    Examples
    --------
    >>> a, b = CellText("B", ("B cell",), "CL:0000236"), CellText("b", ("a B cell",), "CL:0000236")
    >>> numbers = identities([a, b, CellText("T", ("T cell",))])
    >>> int(numbers[0] == numbers[1]), int(numbers[0] == numbers[2])
    (1, 0)
    """
    from cellmodels.ontology import cell_ontology

    known: dict[str, int] = {term: number for number, term in enumerate(cell_ontology())}
    return np.array(
        [
            known.setdefault(group.ontology_id or f"label {group.label.casefold()}", len(known))
            for group in groups
        ],
        dtype=np.int64,
    )


@lru_cache(maxsize=1)
def relations() -> np.ndarray:
    """True (I, I) where one of the first I identities is a kind of the other.

    What is said of a T cell is true of a naive T cell, and may be of a cell that is only known to
    be a leukocyte: such pairs are neither matches nor mismatches. The first identities are the
    terms of the Cell Ontology; no other identity has relations.

    Examples
    --------
    >>> terms = ("CL:0000084", "CL:0000898", "CL:0000236")  # T cell, naive T cell, B cell
    >>> T, naive, B = identities([CellText(term, (term,), term) for term in terms])
    >>> bool(relations()[T, naive]), bool(relations()[naive, T]), bool(relations()[T, B])
    (True, True, False)
    """
    from cellmodels.ontology import cell_ontology

    ontology = cell_ontology()
    number_of = {term: number for number, term in enumerate(ontology)}
    found = np.zeros((len(number_of), len(number_of)), dtype=bool)
    for term, number in number_of.items():
        above = [number_of[a] for a in ontology.ancestors(term)]
        found[number, above] = found[above, number] = True
    return found


def _bad(path: Path, number: int, what: str) -> InputError:
    return InputError(
        f"A group of texts {what}.",
        where=f"{path}, line {number}",
        fix="Write the corpus again, or copy the folder again.",
    )
