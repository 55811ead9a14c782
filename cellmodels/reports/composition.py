"""Which cell types there are: one row a type, the basis of every table and figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cellmodels.annotate.result import UNKNOWN

from .colours import UNKNOWN_COLOUR, category_colour, confidence_colour

if TYPE_CHECKING:
    from cellmodels.annotate.result import AnnotationResult

_CL_ID = re.compile(r"CL:\d{7}")
_TERM_PAGE = (
    "https://www.ebi.ac.uk/ols4/ontologies/cl/classes/"
    "http%253A%252F%252Fpurl.obolibrary.org%252Fobo%252F"
)


@dataclass(frozen=True)
class TypeRow:
    """One answered cell type.

    Attributes
    ----------
    number
        Its place in the report, from 1; the map and the legend share it.
    name, cl_id, url
        As answered; "" for the id and the page of `Unknown` and of texts that are no term.
    colour
        Its colour in every figure.
    n_cells, share
        Cells, and their share of all cells.
    confidence
        Mean confidence of its cells.
    """

    number: int
    name: str
    cl_id: str
    url: str
    colour: str
    n_cells: int
    share: float
    confidence: float

    @property
    def known(self) -> bool:
        """Whether it is an answer, not `Unknown`."""
        return self.name != UNKNOWN

    @property
    def confidence_colour(self) -> str:
        """Colour of its mean confidence."""
        return confidence_colour(self.confidence)


@dataclass(frozen=True)
class Composition:
    """The types of a result, most frequent first and `Unknown` last, and the type of each cell."""

    rows: tuple[TypeRow, ...]
    row_of_cell: np.ndarray

    @property
    def known(self) -> tuple[TypeRow, ...]:
        """The types without `Unknown`."""
        return tuple(row for row in self.rows if row.known)


def term_page(cl_id: str) -> str:
    """Address of the term's page in the Ontology Lookup Service; "" for what is no CL id.

    Examples
    --------
    >>> term_page("CL:0000236").endswith("CL_0000236"), term_page("javascript:alert(1)")
    (True, '')
    """
    return _TERM_PAGE + cl_id.replace(":", "_") if _CL_ID.fullmatch(cl_id) else ""


def compose(result: AnnotationResult) -> Composition:
    """Count the final answers of all cells."""
    codes, names = pd.factorize(np.asarray(result.cell_type, dtype=object))
    confidence = np.nan_to_num(np.asarray(result.confidence, np.float64))
    counts = np.bincount(codes, minlength=len(names))
    means = np.bincount(codes, weights=confidence, minlength=len(names)) / np.maximum(counts, 1)
    first = np.unique(codes, return_index=True)[1]
    ids = [str(result.ontology_term_id[cell] or "") for cell in first]
    unknown = [str(name) == UNKNOWN for name in names]
    order = sorted(range(len(names)), key=lambda i: (unknown[i], -counts[i], str(names[i])))
    rows = tuple(
        TypeRow(
            number=place + 1,
            name=str(names[i]),
            cl_id=ids[i],
            url=term_page(ids[i]),
            colour=UNKNOWN_COLOUR if unknown[i] else category_colour(place),
            n_cells=int(counts[i]),
            share=float(counts[i] / len(codes)),
            confidence=float(means[i]),
        )
        for place, i in enumerate(order)
    )
    place_of = np.empty(len(names), np.int64)
    place_of[order] = np.arange(len(names))
    return Composition(rows, place_of[codes] if len(codes) else codes)
