"""The demo hides the published labels from the method and counts agreement rightly."""

from __future__ import annotations

from pathlib import Path

import anndata
import pandas as pd
import pytest
from bioseq_cli import demo

from cellmodels.ontology import cell_ontology

B, NAIVE_B, T, MONOCYTE = "CL:0000236", "CL:0000788", "CL:0000084", "CL:0000576"


def test_every_published_label_means_a_type_with_a_lineage() -> None:
    ontology = cell_ontology()
    for identifier in demo.MEANING.values():
        assert identifier in ontology
        assert ontology.roll_up(identifier, "lineage")


def test_the_input_holds_no_label(tmp_path: Path) -> None:
    path, labels = demo.write_input(tmp_path)
    written = anndata.read_h5ad(path)
    assert set(labels) == set(demo.MEANING)
    assert list(written.obs_names) == list(labels.index)
    values = {str(value) for column in written.obs for value in written.obs[column].unique()}
    assert values.isdisjoint(demo.MEANING)
    assert "bulk_labels" not in str(written.uns)


@pytest.mark.parametrize(
    ("published", "answers", "exact", "lineage"),
    [
        (B, [B, NAIVE_B, T, "", "Unknown"], 2, 2),
        (NAIVE_B, [B, NAIVE_B], 1, 2),
        (MONOCYTE, [B, T], 0, 0),
    ],
)
def test_finer_is_exact_and_coarser_is_lineage(
    published: str, answers: list[str], exact: int, lineage: int
) -> None:
    assert demo.agreement(published, answers) == demo.Agreement(len(answers), exact, lineage)


def test_the_table_adds_up() -> None:
    labels = pd.Series(sorted(demo.MEANING))
    rows, overall = demo.table(labels, labels, labels.map(demo.MEANING))
    assert len(rows) == len(demo.MEANING)
    assert overall == demo.Agreement(10, 10, 10)
