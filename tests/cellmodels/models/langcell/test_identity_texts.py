"""The text of a cell type: one for every type, from facts, in the organism's gene names."""

from __future__ import annotations

import pytest

from biosequence.errors import InputError, UsageError
from cellmodels.genes import ORGANISMS, is_symbol
from cellmodels.knowledge import marker_rows
from cellmodels.models.langcell.facts import cell_facts
from cellmodels.models.langcell.texts import describe, identity_text
from cellmodels.ontology import cell_ontology, tissue_ontology

T_CELL, PLASMA_CELL = "CL:0000084", "CL:0000786"


def test_every_type_of_the_ontology_has_a_text_that_starts_with_its_name() -> None:
    ontology = cell_ontology()
    for cl_id in ontology:
        assert identity_text(cl_id).startswith(f"{ontology.name(cl_id)}.")


def test_texts_of_different_types_differ_in_more_than_case() -> None:
    texts = {identity_text(cl_id).casefold() for cl_id in cell_ontology()}
    assert len(texts) == len(cell_ontology())


def test_a_text_tells_the_name_the_relatives_the_place_and_the_genes() -> None:
    assert identity_text("CL:0002064") == (
        "pancreatic acinar cell. Also called acinar cell of pancreas. "
        "A kind of acinar cell and pancreas exocrine glandular cell. "
        "Lineage: pancreatic acinar, epithelial. Found in pancreas. Expresses "
        + ", ".join(cell_facts("CL:0002064").markers[:10])
        + "."
    )


@pytest.mark.parametrize("organism", ORGANISMS)
def test_genes_of_every_type_are_symbols_of_the_organism(organism: str) -> None:
    types = sorted({row.cl_id for row in marker_rows()})
    for cl_id in types:
        markers = cell_facts(cl_id, organism).markers
        assert markers
        assert all(is_symbol(gene, organism) for gene in markers), cl_id
        assert f"xpresses {', '.join(markers[:10])}." in identity_text(cl_id, organism=organism)


def test_a_mouse_row_goes_before_the_common_one() -> None:
    row = next(row for row in marker_rows() if row.organism == "mouse" and row.cl_id == T_CELL)
    count = len(row.positive)
    assert cell_facts(T_CELL, "mouse").markers[:count] == row.positive
    assert len(cell_facts(T_CELL, "mouse").markers) > count


def test_without_own_markers_those_of_the_nearest_ancestor_are_told_as_its() -> None:
    own = {row.cl_id for row in marker_rows()}
    term = next(t for t in sorted(cell_ontology().descendants("CL:0000235")) if t not in own)
    facts = cell_facts(term)
    assert cell_ontology().is_a(term, cell_ontology().resolve(facts.markers_of).id)
    assert f"As {facts.markers_of}, expresses " in identity_text(term)


def test_classes_by_a_mere_property_are_not_told_as_relatives() -> None:
    ontology = cell_ontology()
    silent = {ontology.name(term) for term in ontology.property_classes} | {"cell"}
    for cl_id in ontology:
        facts = cell_facts(cl_id)
        assert silent.isdisjoint(facts.parents)
        assert silent.isdisjoint(facts.ancestors)


def test_the_tissue_of_the_sample_takes_the_place_of_the_types_own() -> None:
    assert "Found in blood." in identity_text("CL:0000653", tissue="PBMC")
    assert "Found in blood." in identity_text("CL:0000653", tissue="UBERON:0000178")
    assert "Found in organoid X." in identity_text(T_CELL, tissue="organoid X")
    assert all(tissue_ontology().resolve(t) for t in cell_facts("CL:0000653").tissues)


def test_a_retired_id_has_the_text_of_the_type_that_replaced_it() -> None:
    retired, current = next(iter(cell_ontology().replaced.items()))
    assert identity_text(retired) == identity_text(current)


def test_unknown_ids_and_organisms_are_refused() -> None:
    with pytest.raises(InputError):
        identity_text("CL:9999999")
    with pytest.raises(UsageError):
        identity_text(PLASMA_CELL, organism="zebrafish")


def test_facts_that_are_empty_leave_no_trace() -> None:
    facts = cell_facts("CL:0000000")
    assert describe(facts) == "cell."


def test_what_the_field_writes_for_a_type_resolves_to_it() -> None:
    ontology = cell_ontology()
    count = 0
    for term in ontology:
        for label, tissue in cell_facts(term).abbreviations:
            match = ontology.resolve(label, tissue=tissue or None)
            assert match is not None and match.id == term
            count += 1
    assert count > 1000
