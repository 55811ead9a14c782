"""`cm.tl.integration_scores`: columns and embeddings of an object to the scores of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

import cellmodels as cm
from biosequence.errors import InputError
from cellmodels.metrics import integration_scores, principal_component_regression


@pytest.fixture
def two_batches(liver_sample) -> AnnData:
    """Cells of six types; in batch 1 an everyday gene is counted ten times."""
    cells = liver_sample(num_cells=120, num_genes=300)
    cells.obs["batch"] = np.where(np.arange(120) % 2, "one", "two")
    counts = cells.X.toarray()
    counts[::2, 90] = counts[::2, 90] * 10 + 60
    cells.X = cells.X.__class__(counts)
    logs = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    cells.obsm["X_all"] = logs
    cells.obsm["X_without"] = np.delete(logs, 90, axis=1)
    return cells


def test_scores_are_those_of_the_arrays(two_batches: AnnData) -> None:
    found = cm.tl.integration_scores(two_batches, "batch", "truth", "X_without", before="X_all")
    arrays = integration_scores(
        two_batches.obsm["X_without"],
        two_batches.obs["batch"].to_numpy(),
        two_batches.obs["truth"].to_numpy(),
        before_BD=two_batches.obsm["X_all"],
    )
    assert found.name == "X_without"
    np.testing.assert_allclose(found, arrays, rtol=1e-5)
    assert found["pcr_comparison"] > 0.3


def test_without_components_expression_is_what_was_before(two_batches: AnnData) -> None:
    batches = two_batches.obs["batch"].to_numpy()
    found = cm.tl.integration_scores(two_batches, "batch", "truth", "X_without")
    before, after = (
        principal_component_regression(two_batches.obsm[key], batches)
        for key in ("X_all", "X_without")
    )
    assert found["pcr_comparison"] == pytest.approx((before - after) / before, abs=1e-3)


def test_cells_without_a_label_are_left_out(two_batches: AnnData) -> None:
    whole = two_batches[20:].copy()
    two_batches.obs["truth"] = two_batches.obs["truth"].where(np.arange(120) >= 20)
    for key in ("X_without", None):
        one, other = (
            cm.tl.integration_scores(cells, "batch", "truth", "X_all", before=key)
            for cells in (whole, two_batches)
        )
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_clustering_of_the_user_is_taken(two_batches: AnnData) -> None:
    two_batches.obs["mine"] = two_batches.obs["truth"]
    given = {"use_rep": "X_all", "before": "X_all"}
    found = cm.tl.integration_scores(two_batches, "batch", "truth", cluster_key="mine", **given)
    assert found["nmi"] == found["ari"] == found["isolated_f1"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_key": "lane"}, "no obs column 'lane'"),
        ({"use_rep": "X_scvi"}, "no embedding 'X_scvi'"),
        ({"before": "X_pca"}, "no embedding 'X_pca'"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    two_batches: AnnData, changes: dict[str, str], said: str
) -> None:
    given = {"batch_key": "batch", "label_key": "truth", "use_rep": "X_all"} | changes
    with pytest.raises(InputError, match=said) as caught:
        cm.tl.integration_scores(two_batches, **given)
    assert "truth" in caught.value.fix or "X_all" in caught.value.fix


def test_one_cell_is_refused(two_batches: AnnData) -> None:
    with pytest.raises(InputError, match="of one batch"):
        cm.tl.integration_scores(two_batches[:1].copy(), "batch", "truth", "X_all", before="X_all")
