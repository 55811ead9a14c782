"""A marker is supported where its type shows it, and contradicted where others show it more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bioseq_recipes.default_model.references import References, read_library
from bioseq_recipes.marker_table.check import measure, report, verdict

from cellmodels.knowledge import MarkerRow, marker_rows

GENES = np.array(["CD79A", "LYZ", "CD3D", "ALB", "COL1A1", "ACTB", "RPL3"], dtype=object)
# cl_id of each profile of one data set, and the gene that it alone expresses.
TYPES = {
    "CL:0000236": "CD79A",  # B cell
    "CL:0000576": "LYZ",  # monocyte
    "CL:0000084": "CD3D",  # T cell
    "CL:0000182": "ALB",  # hepatocyte
    "CL:0000057": "COL1A1",  # fibroblast
}


def toy(num_studies: int = 2) -> References:
    linear, rows = [], []
    for study in range(num_studies):
        for cl_id, own in TYPES.items():
            linear.append(np.where(GENES == own, 100.0, np.where(GENES == "ACTB", 50.0, 0.0)))
            rows.append((cl_id, "human", "Liver", f"study{study}"))
    obs = pd.DataFrame(rows, columns=["cl_id", "organism", "tissue", "dataset"])
    return References(np.array(linear, np.float32), GENES, obs)


def row(cl_id: str, *positive: str, organism: str = "both") -> MarkerRow:
    return MarkerRow(cl_id, "toy", organism, ("liver",), positive, ())


def test_a_gene_of_the_type_is_supported_and_a_gene_of_others_is_not() -> None:
    table = report(toy(), [row("CL:0000236", "CD79A", "LYZ", "ACTB")]).set_index("gene")
    assert table.loc["CD79A", "verdict"] == "supported"
    assert table.loc["CD79A", "specificity"] == 1.0
    assert table.loc["CD79A", "n_datasets"] == 2
    # The monocyte alone has LYZ; the other three are as silent as the B cell.
    assert table.loc["LYZ", "specificity"] == pytest.approx(3 / 4 * 0.5)
    assert table.loc["LYZ", "verdict"] == "contradicted"
    assert table.loc["LYZ", "against"] == "Liver"
    assert table.loc["ACTB", "verdict"] == "weak"


def test_a_specific_gene_that_the_row_lacks_is_named() -> None:
    table = report(toy(), [row("CL:0000236", "ACTB")])
    (missing,) = table[table["verdict"] == "missing"].itertuples()
    assert (missing.gene, missing.rank) == ("CD79A", 0)


def test_broader_labels_are_neither_for_nor_against() -> None:
    references = toy()
    references.obs.loc[references.obs["cl_id"] == "CL:0000576", "cl_id"] = "CL:0000738"  # leukocyte
    log_RG = np.log1p(references.linear_RG)
    assert measure(references, log_RG, "CL:0000236", "both") is None  # three others are too few


def test_what_nobody_measured_is_said_to_be_unmeasured() -> None:
    rows = [row("CL:0000127", "CD3D"), row("CL:0000236", "GFAP", "RPL3")]
    rows.append(row("CL:0000084", "Cd3d", organism="mouse"))
    table = report(toy(), rows)
    assert (table["verdict"][table["rank"] > 0] == "unmeasured").all()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1.0, 0.9, 0.1], "supported"),
        ([0.4, 0.3, 1.0], "contradicted"),
        ([0.4, 0.9], "weak"),
        ([np.nan, 0.9], "supported"),
        ([np.nan], "unmeasured"),
    ],
)
def test_verdict_goes_with_most_data_sets(values: list[float], wanted: str) -> None:
    assert verdict(np.array(values)) == wanted


@pytest.mark.slow
def test_the_library_supports_the_bundled_table(shared) -> None:
    rows = [found for found in marker_rows() if found.organism != "mouse"][::5]
    table = report(read_library(shared / "data/profiles"), rows)
    judged = table[table["rank"].between(1, 5) & (table["n_datasets"] >= 2)]
    assert len(judged) > 100
    assert (judged["verdict"] == "supported").mean() > 0.85
    assert (judged["verdict"] == "contradicted").mean() < 0.03
