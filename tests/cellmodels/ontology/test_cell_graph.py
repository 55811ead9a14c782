"""The bundled Cell Ontology is a graph that answers as a graph should."""

from __future__ import annotations

import random

import pytest

from biosequence.errors import InputError, UsageError
from cellmodels.ontology import cell_ontology
from cellmodels.ontology.graph import TermGraph, read_tsv

T_CELL, B_CELL, MONOCYTE, CELL = "CL:0000084", "CL:0000236", "CL:0000576", "CL:0000000"


@pytest.fixture(scope="module")
def ontology():
    return cell_ontology()


def some(ontology, k, seed=0):
    return random.Random(seed).sample(sorted(ontology), k)


def test_every_parent_is_a_term_and_every_term_lies_below_cell(ontology):
    for term in ontology:
        assert all(parent in ontology for parent in ontology.parents(term))
        assert ontology.is_a(term, CELL)


def test_ancestors_are_acyclic_and_is_a_is_antisymmetric(ontology):
    for term in ontology:
        above = ontology.ancestors(term)
        assert term not in above
        assert not any(term in ontology.ancestors(other) for other in above)


def test_children_and_descendants_mirror_parents_and_ancestors(ontology):
    for term in some(ontology, 150):
        assert all(term in ontology.parents(child) for child in ontology.children(term))
        assert all(term in ontology.ancestors(below) for below in ontology.descendants(term))
        assert all(term in ontology.descendants(above) for above in ontology.ancestors(term))


def test_distance_is_symmetric_zero_to_itself_and_counts_edges(ontology):
    terms = some(ontology, 40)
    for a, b in zip(terms, reversed(terms), strict=True):
        assert ontology.distance(a, b) == ontology.distance(b, a)
        assert (ontology.distance(a, b) == 0) == (a == b)
    assert ontology.distance(T_CELL, ontology.parents(T_CELL)[0]) == 1


def test_distance_takes_the_nearest_common_ancestor():
    graph = TermGraph(
        [
            ("r", "root", (), ()),
            ("a", "a", (), ("r",)),
            ("b", "b", (), ("a",)),
            ("c", "c", (), ("a", "r")),
        ]
    )
    assert graph.distance("b", "c") == 2
    assert graph.distance("c", "r") == 1
    assert graph.common_ancestor(["b", "c"]) == "a"


def test_common_ancestor_lies_above_all_and_none_below_it_does(ontology):
    for seed in range(30):
        terms = some(ontology, 3, seed)
        top = ontology.common_ancestor(terms)
        assert all(ontology.is_a(term, top) for term in terms)
    assert ontology.name(ontology.common_ancestor([T_CELL, B_CELL])) == "lymphocyte"
    assert ontology.common_ancestor([T_CELL]) == T_CELL


def test_common_ancestor_is_no_property_class(ontology):
    names = {ontology.name(t): t for t in ontology}
    hepatocyte, goblet = names["hepatocyte"], names["goblet cell"]
    assert ontology.common_ancestor([hepatocyte, goblet]) not in ontology.property_classes


def test_retired_ids_answer_for_what_replaced_them(ontology):
    for old, new in ontology.replaced.items():
        assert old not in ontology
        assert ontology.name(old) == ontology.name(new)
        assert ontology.resolve(old).id == new


def test_unknown_id_is_an_input_error(ontology):
    with pytest.raises(InputError, match="CL:9999999"):
        ontology.name("CL:9999999")
    with pytest.raises(InputError):
        ontology.common_ancestor([])


@pytest.mark.parametrize("level", ["lineage", "compartment"])
def test_rolled_up_term_is_itself_or_an_ancestor_and_stays(ontology, level):
    for term in ontology:
        top = ontology.roll_up(term, level)
        assert ontology.is_a(term, top)
        assert ontology.roll_up(top, level) == top


def test_lineage_and_compartment_rolls_agree(ontology):
    for term in ontology:
        assert ontology.compartment(ontology.roll_up(term, "lineage")) == ontology.compartment(term)
        assert ontology.compartment(ontology.roll_up(term, "compartment")) == ontology.compartment(
            term
        )


def test_unknown_level_is_a_usage_error(ontology):
    with pytest.raises(UsageError, match="genus"):
        ontology.roll_up(T_CELL, "genus")


@pytest.mark.parametrize(
    ("name", "lineage", "compartment"),
    [
        ("CD4-positive, alpha-beta T cell", "T cell", "immune"),
        ("mature NK T cell", "T cell", "immune"),
        ("natural killer cell", "NK/ILC", "immune"),
        ("plasma cell", "B lineage", "immune"),
        ("pro-B cell", "B lineage", "immune"),
        ("classical monocyte", "monocyte/macrophage", "immune"),
        ("Kupffer cell", "monocyte/macrophage", "immune"),
        ("microglial cell", "microglia", "immune"),
        ("plasmacytoid dendritic cell", "dendritic", "immune"),
        ("neutrophil", "granulocyte", "immune"),
        ("mast cell", "mast", "immune"),
        ("hematopoietic stem cell", "haematopoietic progenitor", "immune"),
        ("platelet", "megakaryocyte/platelet", "blood"),
        ("erythroblast", "erythroid", "blood"),
        ("endothelial cell of lymphatic vessel", "endothelial", "endothelial"),
        ("fibroblast of cardiac tissue", "fibroblast/stromal", "stromal"),
        ("hepatic stellate cell", "fibroblast/stromal", "stromal"),
        ("mesangial cell", "pericyte/mural", "stromal"),
        ("vascular associated smooth muscle cell", "smooth muscle", "muscle"),
        ("ventricular cardiac muscle cell", "cardiomyocyte", "muscle"),
        ("skeletal muscle satellite cell", "skeletal muscle", "muscle"),
        ("pancreatic A cell", "pancreatic endocrine", "epithelial"),
        ("pancreatic acinar cell", "pancreatic acinar", "epithelial"),
        ("pulmonary alveolar type 2 cell", "alveolar epithelial", "epithelial"),
        ("pulmonary neuroendocrine cell", "airway epithelial", "epithelial"),
        ("respiratory basal cell", "airway epithelial", "epithelial"),
        ("colonocyte", "intestinal epithelial", "epithelial"),
        ("podocyte", "podocyte", "epithelial"),
        ("epithelial cell of proximal tubule", "kidney tubule", "epithelial"),
        ("Sertoli cell", "Sertoli", "epithelial"),
        ("spermatid", "germ cell", "germline"),
        ("oligodendrocyte precursor cell", "OPC", "neural"),
        ("Purkinje cell", "neuron", "neural"),
        ("retinal rod cell", "photoreceptor", "neural"),
        ("myelinating Schwann cell", "Schwann", "neural"),
    ],
)
def test_well_known_types_have_their_lineage(ontology, name, lineage, compartment):
    term = next(t for t in ontology if ontology.name(t) == name)
    assert (ontology.lineage(term), ontology.compartment(term)) == (lineage, compartment)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("lineages.tsv", "cl_id"),
        ("abbreviations.tsv", "cl_id"),
        ("property_classes.tsv", "cl_id"),
        ("heads.tsv", "cl_id"),
    ],
)
def test_curated_tables_name_living_terms_by_their_official_names(ontology, table, column):
    rows = read_tsv(table)
    assert rows
    for row in rows:
        assert row[column] in ontology, row
        assert ontology.name(row[column]) == row["name"]
