"""Evidence: markers that a cluster shows, best first, and those that it lacks."""

from __future__ import annotations

import numpy as np
import pytest

from cellmodels.annotate.evidence import (
    evidence,
    expected_markers,
    shown_names,
    speaking_markers,
)
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology

B, NAIVE_B, NK = "CL:0000236", "CL:0000788", "CL:0000623"


@pytest.fixture
def b_markers() -> tuple[str, ...]:
    return expected_markers(B, "human")


def found(genes: tuple[str, ...], mean: dict, share: dict, outside: dict, organism="human"):
    """Evidence for B cells over genes with the values given; 0 elsewhere."""
    where = {gene: column for column, gene in enumerate(genes)}
    values = [np.array([one.get(gene, 0.0) for gene in genes]) for one in (mean, share, outside)]
    return evidence(B, *values, where, organism)


def test_a_gene_that_stands_out_is_shown(b_markers: tuple[str, ...]) -> None:
    one, two, three = b_markers[:3]
    shown, missing = found(
        (*b_markers, "GAPDH"),
        mean={one: 2.0, two: 2.0, "GAPDH": 5.0},
        share={one: 0.9, two: 0.9, "GAPDH": 1.0},
        outside={two: 1.9},
    )
    assert shown == (one,)
    assert three in missing and one not in missing and "GAPDH" not in missing


def test_a_gene_of_a_few_cells_is_no_evidence(b_markers: tuple[str, ...]) -> None:
    gene = b_markers[0]
    assert found(b_markers, {gene: 1.0}, {gene: 0.05}, {})[0] == ()
    assert found(b_markers, {gene: 1.0}, {gene: 0.30}, {})[0] == (gene,)


def test_the_stronger_of_two_markers_comes_first(b_markers: tuple[str, ...]) -> None:
    one, two = b_markers[:2]
    share = {one: 0.9, two: 0.9}
    assert found(b_markers, {one: 1.0, two: 3.0}, share, {})[0] == (two, one)
    assert found(b_markers, {one: 1.0, two: 1.0}, share, {})[0] == (one, two)


def test_genes_that_the_file_lacks_are_neither_shown_nor_missed(
    b_markers: tuple[str, ...],
) -> None:
    one, two = b_markers[:2]
    shown, missing = found((one,), {one: 2.0}, {one: 0.9}, {})
    assert (shown, missing) == ((one,), ())
    assert found(("GAPDH",), {}, {}, {}) == ((), ())


def test_markers_are_the_types_own_then_those_above_it() -> None:
    own = next(row for row in marker_rows() if row.cl_id == NAIVE_B and row.organism != "mouse")
    genes = expected_markers(NAIVE_B, "human")
    assert genes[: len(own.positive)] == own.positive
    assert set(expected_markers(B, "human")[:5]) <= set(genes)
    assert len(genes) == len(set(genes))
    # Nothing above the lineage: a marker of all leukocytes is no evidence for a B cell.
    lineage = cell_ontology().roll_up(NAIVE_B, "lineage")
    above = cell_ontology().ancestors(lineage)
    only_above = {g for row in marker_rows() if row.cl_id in above for g in row.positive}
    below = {
        g
        for row in marker_rows()
        if row.cl_id in (cell_ontology().ancestors(NAIVE_B) | {NAIVE_B}) - above
        for g in row.positive
    }
    assert not set(genes) & (only_above - below)


def test_names_are_written_as_the_organism_writes_them() -> None:
    assert shown_names(("CD79A", "MS4A1"), "human") == ("CD79A", "MS4A1")
    assert shown_names(("CD79A", "MS4A1", "Ly6g"), "mouse") == ("Cd79a", "Ms4a1", "Ly6g")


def test_a_broad_type_without_markers_speaks_through_its_subtypes() -> None:
    """The shared ones of the subtypes come first; none of them counts as missing."""
    ontology = cell_ontology()
    table = {row.cl_id: row for row in marker_rows() if row.organism != "mouse"}
    broad = next(
        a
        for cl_id in table
        for a in sorted(ontology.ancestors(cl_id))
        if not expected_markers(a, "human") and sum(ontology.is_a(other, a) for other in table) > 3
    )
    genes = speaking_markers(broad, "human")
    below = {g for c, row in table.items() if ontology.is_a(c, broad) for g in row.positive}
    assert genes and below <= set(genes)
    where = {gene: column for column, gene in enumerate(genes)}
    first = np.zeros(len(genes))
    first[0] = 2.0
    shown, missing = evidence(broad, first, first / 2, np.zeros(len(genes)), where, "human")
    assert (shown, missing) == ((genes[0],), ())
