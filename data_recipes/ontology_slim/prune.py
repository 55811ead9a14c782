"""Say which terms of the ontologies are of no use for naming human and mouse samples."""

from __future__ import annotations

CELL = "CL:0000000"
ANATOMY = "UBERON:0001062"


def not_cells(terms: dict[str, dict]) -> set[str]:
    """Ids of terms that are parts or properties of cells (cytoplasm, nucleus shapes), not cells."""
    return {
        i
        for i, term in terms.items()
        if i != CELL and not any(distance == 1 for distance in term["ancestors"].values())
    }


def not_mammal_anatomy(terms: dict[str, dict]) -> set[str]:
    """Ids of terms that are not anatomy."""
    return {i for i, term in terms.items() if i != ANATOMY and ANATOMY not in term["ancestors"]}
