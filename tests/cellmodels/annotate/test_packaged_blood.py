"""scanpy's packaged blood cells: what a reader of the published labels expects."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import scanpy as sc

from cellmodels.annotate import AnnotateOptions, AnnotationResult, annotate_cells
from cellmodels.ontology import cell_ontology

# What each published label is at the level of lineages.
LINEAGE = {
    "CD14+ Monocyte": "CL:0000576",
    "CD19+ B": "CL:0000236",
    "CD34+": "CL:0008001",
    "CD4+/CD25 T Reg": "CL:0000084",
    "CD4+/CD45RA+/CD25- Naive T": "CL:0000084",
    "CD4+/CD45RO+ Memory": "CL:0000084",
    "CD56+ NK": "CL:0000623",
    "CD8+ Cytotoxic T": "CL:0000084",
    "CD8+/CD45RA+ Naive Cytotoxic": "CL:0000084",
    "Dendritic": "CL:0000451",
}


@pytest.fixture(scope="module")
def published() -> np.ndarray:
    return sc.datasets.pbmc68k_reduced().obs["bulk_labels"].astype(str).to_numpy()


@pytest.fixture(scope="module")
def found() -> AnnotationResult:
    cells = sc.datasets.pbmc68k_reduced()
    cells.obs = cells.obs[["n_genes"]].copy()
    return annotate_cells(cells, AnnotateOptions())


def is_a(answers: np.ndarray, *wanted: str) -> np.ndarray:
    ontology = cell_ontology()
    return np.array([bool(a) and any(ontology.is_a(a, w) for w in wanted) for a in answers])


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("CD19+ B", ["CL:0000236", "CL:0000945"]),
        ("CD56+ NK", ["CL:0000623"]),
        ("CD14+ Monocyte", ["CL:0000576"]),
        ("Dendritic", ["CL:0000451"]),
        ("CD34+", ["CL:0008001"]),
    ],
)
def test_most_cells_of_a_label_are_answered_with_its_type(
    found: AnnotationResult, published: np.ndarray, label: str, wanted: list[str]
) -> None:
    here = published == label
    right = is_a(found.ontology_term_id[here], *wanted)
    assert right.mean() > 0.5, Counter(found.cell_type[here]).most_common(5)


@pytest.mark.parametrize("cl_id", ["CL:0000624", "CL:0000625"])
def test_both_kinds_of_t_cells_are_answered(
    found: AnnotationResult, published: np.ndarray, cl_id: str
) -> None:
    kind = "CD4+" if cl_id == "CL:0000624" else "CD8+"
    answered = is_a(found.ontology_term_id, cl_id)
    assert answered.sum() >= 20
    sorted_as = np.array([label.startswith(kind) for label in published])
    assert sorted_as[answered].mean() > sorted_as.mean()


def test_four_of_five_cells_agree_at_the_lineage_level(
    found: AnnotationResult, published: np.ndarray
) -> None:
    ontology = cell_ontology()
    expected = [ontology.lineage(LINEAGE[label]) for label in published]
    answers = [ontology.lineage(a) if a else "" for a in found.ontology_term_id]
    agree = np.array([one == other for one, other in zip(expected, answers, strict=True)])
    table = {
        label: (round(float(agree[published == label].mean()), 2), int((published == label).sum()))
        for label in sorted(LINEAGE)
    }
    assert agree.mean() >= 0.80, table


def test_answers_are_sound(found: AnnotationResult, published: np.ndarray) -> None:
    ontology = cell_ontology()
    assert found.confidence.dtype == np.float32
    assert ((found.confidence >= 0) & (found.confidence < 1)).all()
    for name, cl_id in set(zip(found.cell_type, found.ontology_term_id, strict=True)):
        assert (name == "Unknown" and cl_id == "") or ontology.name(cl_id) == name
    assert sum(answer.n_cells for answer in found.clusters) == len(published)
    norms = np.linalg.norm(found.embedding, axis=1)
    np.testing.assert_allclose(norms, 1.0, atol=1e-3)


def test_known_clusters_show_evidence(found: AnnotationResult) -> None:
    known = [answer for answer in found.clusters if answer.call.known]
    with_evidence = [answer for answer in known if answer.evidence]
    assert len(with_evidence) >= 0.8 * len(known)
    for answer in found.clusters:
        assert answer.call.known or answer.call.reason
        assert not set(answer.evidence) & set(answer.missing)
