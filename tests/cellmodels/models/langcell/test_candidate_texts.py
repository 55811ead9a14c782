"""A free description keeps its words and gains what those that are known say."""

from __future__ import annotations

import pytest

from biosequence.errors import UsageError
from cellmodels.models.langcell.texts import candidate_text

KIND = "A kind of"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cytotoxic lymphocytes in tumour", ["A kind of lymphocyte."]),
        ("lipid-laden macrophages of fibrotic lung", ["A kind of macrophage.", "Found in lung."]),
        ("stressed NK or T cells", ["A kind of lymphocyte."]),
        ("PD-1 high T cells of the tonsil", ["A kind of T cell.", "tonsil.", "Expresses PDCD1."]),
        ("things of the gut with ITGAE and CD8B", ["intestine.", "Expresses ITGAE, CD8B."]),
        ("weird interferon response microglia", ["A kind of microglial cell."]),
    ],
)
def test_known_words_are_told_in_official_names(text: str, told: list[str]) -> None:
    found = candidate_text(text)
    assert found.startswith(f"{text}.")
    assert [part for part in told if part not in found] == []


@pytest.mark.parametrize(
    "text",
    [
        "non-T cells",
        "B cell-like tumour cells",
        "stem-like cells near fibroblasts",
        "macrophage and fibroblast doublets",
        "secretory cells with brush border",
        "cells of the outer layer",
    ],
)
def test_no_kind_is_told_of_what_may_be_another_cell(text: str) -> None:
    assert KIND not in candidate_text(text)


def test_genes_that_the_cell_lacks_are_not_told() -> None:
    found = candidate_text("CD4- FOXP3-negative KLRB1 low things with IL7R")
    assert found.endswith("Expresses IL7R.")


def test_genes_are_written_as_the_organism_writes_them() -> None:
    assert candidate_text("odd CD3E+ things", organism="mouse").endswith("Expresses Cd3e.")
    assert candidate_text("odd Cd3e+ things").endswith("Expresses CD3E.")


def test_the_tissue_of_the_sample_is_told() -> None:
    assert candidate_text("odd things", tissue="PBMC") == "odd things. Found in blood."


def test_words_that_nobody_knows_stay_alone() -> None:
    assert candidate_text("  qqq   zzz. ") == "qqq zzz."


def test_an_empty_candidate_and_an_unknown_organism_are_refused() -> None:
    with pytest.raises(UsageError):
        candidate_text("  ")
    with pytest.raises(UsageError):
        candidate_text("odd things", organism="zebrafish")
