"""The marker table names living terms and current genes, covers organs, separates siblings."""

from __future__ import annotations

from collections import Counter

import pytest

from cellmodels.genes import is_symbol, official_symbol
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology, tissue_ontology

ROWS = marker_rows()
ORGANS = (
    "blood", "bone marrow", "lymph node", "spleen", "tonsil", "thymus", "lung", "trachea",
    "small intestine", "colon", "stomach", "esophagus", "liver", "pancreas", "kidney", "heart",
    "skeletal muscle tissue", "adipose tissue", "skin of body", "mammary gland", "prostate gland",
    "urinary bladder", "uterus", "ovary", "testis", "placenta", "brain", "spinal cord", "retina",
    "cornea", "tongue", "salivary gland", "adrenal gland", "embryo", "yolk sac",
)  # fmt: skip
# Pairs that are taken for each other; the first one's negative markers hold a marker of the second.
SIBLINGS = (
    ("CD4-positive, alpha-beta T cell", "CD8-positive, alpha-beta T cell"),
    ("CD8-positive, alpha-beta T cell", "CD4-positive, alpha-beta T cell"),
    ("CD8-positive, alpha-beta T cell", "natural killer cell"),
    ("natural killer cell", "CD8-positive, alpha-beta T cell"),
    ("natural killer cell", "group 3 innate lymphoid cell"),
    ("group 3 innate lymphoid cell", "natural killer cell"),
    ("naive thymus-derived CD4-positive, alpha-beta T cell", "regulatory T cell"),
    ("alpha-beta T cell", "gamma-delta T cell"),
    ("naive B cell", "memory B cell"),
    ("memory B cell", "naive B cell"),
    ("plasma cell", "B cell"),
    ("B cell", "plasma cell"),
    ("classical monocyte", "non-classical monocyte"),
    ("non-classical monocyte", "classical monocyte"),
    ("monocyte", "macrophage"),
    ("monocyte", "dendritic cell"),
    ("neutrophil", "eosinophil"),
    ("eosinophil", "neutrophil"),
    ("basophil", "mast cell"),
    ("mast cell", "basophil"),
    ("CD141-positive myeloid dendritic cell", "CD1c-positive myeloid dendritic cell"),
    ("CD1c-positive myeloid dendritic cell", "CD141-positive myeloid dendritic cell"),
    ("conventional dendritic cell", "plasmacytoid dendritic cell"),
    ("plasmacytoid dendritic cell", "CD1c-positive myeloid dendritic cell"),
    ("pulmonary alveolar type 1 cell", "pulmonary alveolar type 2 cell"),
    ("pulmonary alveolar type 2 cell", "pulmonary alveolar type 1 cell"),
    ("type B pancreatic cell", "pancreatic A cell"),
    ("pancreatic A cell", "type B pancreatic cell"),
    ("pancreatic A cell", "pancreatic D cell"),
    ("pancreatic D cell", "type B pancreatic cell"),
    ("pancreatic acinar cell", "pancreatic ductal cell"),
    ("pancreatic ductal cell", "pancreatic acinar cell"),
    ("hepatocyte", "cholangiocyte"),
    ("cholangiocyte", "hepatocyte"),
    ("enterocyte", "goblet cell"),
    ("podocyte", "parietal epithelial cell"),
    ("keratinocyte", "melanocyte"),
    ("melanocyte", "keratinocyte"),
    ("pericyte", "vascular associated smooth muscle cell"),
    ("fibroblast", "mesothelial cell"),
    ("mesothelial cell", "fibroblast"),
    ("endothelial cell of artery", "vein endothelial cell"),
    ("vein endothelial cell", "endothelial cell of artery"),
    ("type I muscle cell", "type II muscle cell"),
    ("type II muscle cell", "type I muscle cell"),
    ("oligodendrocyte", "oligodendrocyte precursor cell"),
    ("oligodendrocyte precursor cell", "oligodendrocyte"),
    ("glutamatergic neuron", "GABAergic neuron"),
    ("GABAergic neuron", "glutamatergic neuron"),
    ("retinal rod cell", "retinal cone cell"),
    ("retinal cone cell", "retinal rod cell"),
    ("spermatocyte", "spermatid"),
    ("spermatid", "spermatocyte"),
    ("Sertoli cell", "Leydig cell"),
    ("Leydig cell", "Sertoli cell"),
)  # fmt: skip


def label(row) -> str:
    return f"{row.cl_id} {row.name} ({row.organism})"


def human_genes(kind: str, name: str) -> set[str]:
    rows = [row for row in ROWS if row.name == name and row.organism != "mouse"]
    assert rows, f"no human row for {name}"
    return {gene for row in rows for gene in getattr(row, kind)}


def test_every_id_is_current_and_bears_the_ontology_name() -> None:
    ontology = cell_ontology()
    wrong = [
        label(row)
        for row in ROWS
        if row.cl_id not in ontology or ontology.name(row.cl_id) != row.name
    ]
    assert wrong == []


def test_every_gene_is_a_current_symbol_of_its_organism() -> None:
    wrong = []
    for row in ROWS:
        organism = "mouse" if row.organism == "mouse" else "human"
        wrong += [
            f"{label(row)}: {gene} -> {official_symbol(gene, organism)}"
            for gene in row.positive + row.negative
            if not is_symbol(gene, organism)
        ]
    assert wrong == []


def test_the_table_holds_at_least_350_types_and_both_organisms() -> None:
    types = {organism: set() for organism in ("human", "mouse")}
    for row in ROWS:
        for organism in types:
            if row.organism in (organism, "both"):
                types[organism].add(row.cl_id)
    assert len({row.cl_id for row in ROWS}) >= 350
    assert min(map(len, types.values())) >= 350
    assert {row.organism for row in ROWS} == {"both", "human", "mouse"}


def test_a_type_has_one_row_for_each_organism() -> None:
    counted = Counter((row.cl_id, row.organism) for row in ROWS)
    assert [pair for pair, count in counted.items() if count > 1] == []


def test_rows_hold_6_to_20_markers_once_each() -> None:
    wrong = [
        label(row)
        for row in ROWS
        if not 6 <= len(row.positive) <= 20
        or max(Counter(row.positive + row.negative).values()) > 1
    ]
    assert wrong == []


def test_every_tissue_resolves_under_one_spelling() -> None:
    spellings: dict[str, set[str]] = {}
    for row in ROWS:
        assert row.tissues == ("any",) or "any" not in row.tissues, label(row)
        for tissue in row.tissues:
            if tissue == "any":
                continue
            match = tissue_ontology().resolve(tissue)
            assert match is not None and match.how != "fuzzy", f"{label(row)}: {tissue}"
            spellings.setdefault(match.id, set()).add(tissue)
    assert {term: names for term, names in spellings.items() if len(names) > 1} == {}


@pytest.mark.parametrize("organ", ORGANS)
def test_each_organ_has_types_of_its_own(organ: str) -> None:
    tissues = tissue_ontology()
    wanted = tissues.resolve(organ).id
    found = {
        row.cl_id
        for row in ROWS
        for tissue in row.tissues
        if tissue != "any" and tissues.is_a(tissues.resolve(tissue).id, wanted)
    }
    assert len(found) >= 3


@pytest.mark.parametrize(
    ("above", "least"),
    [
        ("T cell", 20),
        ("B cell", 8),
        ("dendritic cell", 6),
        ("endothelial cell", 15),
        ("fibroblast", 10),
        ("neuron", 50),
        ("glial cell", 8),
        ("epithelial cell", 150),
        ("muscle cell", 12),
        ("germ cell", 8),
    ],
)
def test_large_families_are_told_apart(above: str, least: int) -> None:
    ontology = cell_ontology()
    term = ontology.resolve(above).id
    assert len({row.cl_id for row in ROWS if ontology.is_a(row.cl_id, term)}) >= least


@pytest.mark.parametrize(("cell", "sibling"), SIBLINGS)
def test_negative_markers_separate_siblings(cell: str, sibling: str) -> None:
    assert human_genes("negative", cell) & human_genes("positive", sibling)


@pytest.mark.parametrize(
    ("cell", "gene"),
    [
        ("plasmacytoid dendritic cell", "LILRA4"),
        ("regulatory T cell", "FOXP3"),
        ("type B pancreatic cell", "INS"),
        ("podocyte", "NPHS2"),
        ("microglial cell", "P2RY12"),
        ("pulmonary alveolar type 2 cell", "SFTPC"),
        ("hepatocyte", "ALB"),
        ("Sertoli cell", "SOX9"),
        ("neutrophil", "CSF3R"),
        ("eosinophil", "CLC"),
        ("melanocyte", "MLANA"),
        ("retinal rod cell", "RHO"),
    ],
)
def test_the_order_of_markers_puts_the_textbook_gene_first(cell: str, gene: str) -> None:
    """Weight falls with rank: what names the type must stand among the first five."""
    (row,) = [row for row in ROWS if row.name == cell and row.organism == "both"]
    assert gene in row.positive[:5]
