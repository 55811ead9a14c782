"""The agreement scale of the published marker lists: 1 exact or finer, 0.5 the same broad type."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cellmodels.ontology import cell_ontology

METHODS = ("gpt4aug3", "gpt4mar23", "gpt3.5aug3", "CellMarker2.0", "SingleR", "ScType")


@dataclass(frozen=True)
class Scale:
    """Broad types of cell types, as the published table assigns them, and which are related.

    Hou and Ji (Nature Methods 2024) give every label and every answer a broad type, far wider
    than a lineage: hepatocytes and goblet cells are both epithelial cells. Both tables are read
    out of the published rows themselves, so that nothing of the scale is ours.

    Attributes
    ----------
    broad
        Cell Ontology id -> broad types.
    related
        Pairs of broad types that count as the same.
    """

    broad: dict[str, frozenset[str]]
    related: frozenset[frozenset[str]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Scale:
        """The scale that the rows of a published table (all columns as text) were graded on."""
        broad: dict[str, frozenset[str]] = {}
        related = set()
        for row in frame.to_dict("records"):
            for name in ("manual", *METHODS):
                ids, types = _ids(row[f"{name}_CLID"]), _names(row[f"{name}_broadtype"])
                if len(ids) == 1 and len(types) == 1:
                    broad.setdefault(ids[0], types)
            manual = _names(row["manual_broadtype"])
            for name in METHODS:
                other = _names(row[f"{name}_broadtype"])
                half = row[f"{name}_agreement"] == "0.5"
                if half and len(manual) == len(other) == 1 and manual != other:
                    related.add(manual | other)
        return cls(broad, frozenset(related))

    def broad_types(self, cl_id: str) -> frozenset[str]:
        """Broad types of a term: its own, or those of its nearest ancestor that has any."""
        ontology = cell_ontology()
        if cl_id not in ontology:
            return frozenset()
        lineage = [cl_id, *sorted(ontology.ancestors(cl_id), key=self._depth, reverse=True)]
        return next((self.broad[one] for one in lineage if one in self.broad), frozenset())

    @staticmethod
    def _depth(cl_id: str) -> tuple[int, str]:
        return len(cell_ontology().ancestors(cl_id)), cl_id

    def score(self, answer: str, truth: dict[str, str]) -> float:
        """1 for the label or a finer type, 0.5 for its broad type, else 0; labels need no id.

        Parameters
        ----------
        answer
            Cell Ontology id; empty for no answer.
        truth
            A row of the table: ``manual_annotation``, ``manual_CLID`` and ``manual_broadtype``.
        """
        ontology = cell_ontology()
        name = ontology.name(answer) if answer in ontology else ""
        return self._grade(name, [answer], self.broad_types(answer), truth)

    def published_score(self, row: dict[str, str], method: str) -> float:
        """The same for a method's published answers in one row, with their own broad types."""
        answers, given = _ids(row[f"{method}_CLID"]), _names(row[f"{method}_broadtype"])
        return self._grade(row[f"{method}_annotation"], answers, given, row)

    def _grade(
        self, name: str, answers: list[str], given: frozenset[str], truth: dict[str, str]
    ) -> float:
        ontology = cell_ontology()
        truths = [one for one in _ids(truth["manual_CLID"]) if one in ontology]
        known = [one for one in answers if one in ontology]
        if name and _plain(name) == _plain(truth["manual_annotation"]):
            return 1.0
        if any(ontology.is_a(answer, one) for answer in known for one in truths):
            return 1.0
        wanted = _names(truth["manual_broadtype"])
        same = wanted & given or any(
            frozenset((one, other)) in self.related for one in wanted for other in given
        )
        return 0.5 if same else 0.0


def _plain(label: str) -> str:
    return label.lower().removesuffix("s")


def _ids(text: str) -> list[str]:
    return [one.strip() for one in str(text).split(",") if one.strip().startswith("CL:")]


def _names(text: str) -> frozenset[str]:
    return frozenset(one.strip() for one in str(text).split(",") if one.strip() not in ("", "NA"))
