"""Tissue names find their Uberon terms, and parts lie below wholes."""

from __future__ import annotations

import random

import pytest

from cellmodels.ontology import tissue_ontology
from cellmodels.ontology.graph import read_tsv

TISSUES = """
blood | blood
PBMC | blood
PBMCs | blood
Peripheral blood | blood
PeripheralBlood | blood
Immunodeficiency_PBMCs | blood
Cord blood | umbilical cord blood
marrow | bone marrow
Bone_Marrow | bone marrow
AdultBoneMarrowCD34P | bone marrow
gut | intestine
small intestine | small intestine
SmallIntestine | small intestine
AdultSigmoidColon1- | sigmoid colon
fetal liver | liver
FetalLiver2 | liver
Fetal_Brain | brain
Motor Cortex | primary motor cortex
tonsil | tonsil
BAL | lung
BALF | lung
Covid_Airway | respiratory airway
lung parenchyma | lung
skin | skin of body
skin of body | skin of body
eye | eye
oesophagus | esophagus
kidneys | kidney
left kidney | left kidney
Kidney (cortex) | cortex of kidney
Kidney (donor 3) | kidney
breast | mammary gland
MammaryGland_Virgin | mammary gland
Bladder | urinary bladder
prostate | prostate gland
testes | testis
heart left ventricle | heart left ventricle
Limb-Muscle | skeletal muscle tissue
lymph nodes | lymph node
UBERON:0002048 | lung
UBERON_0002048 | lung
""".strip().splitlines()


@pytest.fixture(scope="module")
def ontology():
    return tissue_ontology()


@pytest.mark.parametrize("line", TISSUES)
def test_tissue_finds_its_term(ontology, line):
    label, name = line.split(" | ")
    match = ontology.resolve(label)
    assert match is not None
    assert (match.name, match.query) == (name, label)


@pytest.mark.parametrize(
    "label", ["unknown", "other", "tumor", "multi-organ", "UBERON:9999999", "", "fetal"]
)
def test_what_names_no_tissue_finds_nothing(ontology, label):
    assert ontology.resolve(label) is None


def test_names_resolve_to_themselves_unless_curated(ontology):
    for term in random.Random(0).sample(sorted(ontology), 500):
        match = ontology.resolve(ontology.name(term))
        assert match.id == term or match.how == "abbreviation"


def test_parts_and_kinds_are_related_and_neighbours_are_not(ontology):
    ids = {
        name: ontology.resolve(name).id for name in ("colon", "intestine", "lung", "liver", "ileum")
    }
    assert ontology.related(ids["colon"], ids["intestine"])
    assert ontology.related(ids["intestine"], ids["colon"])
    assert ontology.related(ids["lung"], ids["lung"])
    assert not ontology.related(ids["lung"], ids["liver"])
    assert not ontology.related(ids["colon"], ids["ileum"])


def test_the_graph_is_acyclic_and_closed(ontology):
    for term in ontology:
        assert term not in ontology.ancestors(term)
        assert all(parent in ontology for parent in ontology.parents(term))


def test_curated_names_hold_living_ids_and_official_names(ontology):
    for table in ("tissue_names.tsv",):
        for row in read_tsv(table):
            assert ontology.name(row["uberon_id"]) == row["name"]
    for row in read_tsv("abbreviations.tsv"):
        assert not row["tissue"] or ontology.resolve(row["tissue"]) is not None, row


def test_other_animals_are_left_out_and_mammals_kept(ontology):
    names = {ontology.name(term) for term in ontology}
    assert not names & {"pectoral fin", "swim bladder", "feather", "antenna", "nematode pharynx"}
    assert {"femur", "rib", "limb", "sternum", "blastocyst", "yolk sac", "sigmoid colon"} <= names
