"""`cm.tl.annotate`: the command's answers, on an object."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from bioseq_cli.main import main

import cellmodels as cm
from biosequence.errors import InputError, UsageError

LABELS = ["bioseq_cell_type", "bioseq_cell_type_ontology_term_id", "bioseq_cell_type_per_cell"]


def labels(adata: AnnData, column: str = "bioseq_cell_type") -> list[str]:
    return adata.obs[column].astype(str).to_list()


def test_annotate_gives_the_labels_of_the_command(
    annotated: AnnData, blood: AnnData, tmp_path: Path
) -> None:
    blood.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(SystemExit) as ended:
        main(["annotate", str(tmp_path / "cells.h5ad"), "--quiet", "--no-report"])
    assert ended.value.code == 0
    written = ad.read_h5ad(tmp_path / "cells.annotated.h5ad")
    for column in [*LABELS, "bioseq_cluster"]:
        assert labels(written, column) == labels(annotated, column)
    assert np.array_equal(written.obs["bioseq_confidence"], annotated.obs["bioseq_confidence"])
    assert np.array_equal(written.obsm["X_bioseq"], annotated.obsm["X_bioseq"])


def test_annotate_leaves_everything_else(annotated: AnnData, blood: AnnData) -> None:
    own = [name for name in annotated.obs if name.startswith("bioseq")]
    assert set(LABELS) < set(own)
    assert annotated.obs.drop(columns=own).equals(blood.obs)
    assert np.array_equal(annotated.X, blood.X)
    assert set(annotated.uns) == {*blood.uns, "bioseq"}


def test_copy_leaves_the_input_alone(blood: AnnData) -> None:
    found = cm.tl.annotate(blood, cluster=False, copy=True)
    assert found is not None
    assert "bioseq_cell_type" in found.obs
    assert not [name for name in blood.obs if name.startswith("bioseq")]
    assert "X_bioseq" not in blood.obsm
    assert "bioseq" not in blood.uns


def test_key_added_names_everything(blood: AnnData, annotated: AnnData) -> None:
    cm.tl.annotate(blood, key_added="mine")
    assert labels(blood, "mine_cell_type") == labels(annotated)
    assert {"mine_confidence", "mine_cluster"} < set(blood.obs)
    assert "X_mine" in blood.obsm
    assert "mine" in blood.uns
    assert not [name for name in blood.obs if name.startswith("bioseq")]


def test_a_second_call_replaces_the_first(annotated: AnnData) -> None:
    cm.pl.annotation(annotated, show=False)
    assert "bioseq_cell_type_colors" in annotated.uns
    cm.tl.annotate(annotated, cluster=False, candidates=["B cell", "T cell"])
    assert set(labels(annotated)) <= {"B cell", "T cell", "Unknown"}
    assert labels(annotated) == labels(annotated, "bioseq_cell_type_per_cell")
    assert "bioseq_cluster" not in annotated.obs
    assert "bioseq_cell_type_colors" not in annotated.uns
    assert annotated.uns["bioseq"]["clusters"] == "[]"


def test_the_result_survives_a_file(annotated: AnnData, tmp_path: Path) -> None:
    annotated.write_h5ad(tmp_path / "a.h5ad")
    back = ad.read_h5ad(tmp_path / "a.h5ad")
    assert labels(back) == labels(annotated)
    assert back.uns["bioseq"]["provenance"] == annotated.uns["bioseq"]["provenance"]
    assert back.uns["bioseq"]["clusters"] == annotated.uns["bioseq"]["clusters"]


def test_backed_gives_the_same_labels(blood: AnnData, annotated: AnnData, tmp_path: Path) -> None:
    blood.write_h5ad(tmp_path / "a.h5ad")
    before = (tmp_path / "a.h5ad").read_bytes()
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    copied = cm.tl.annotate(backed, copy=True)
    cm.tl.annotate(backed)
    assert labels(backed) == labels(annotated)
    assert copied is not None
    assert not copied.isbacked
    assert labels(copied) == labels(annotated)
    backed.file.close()
    assert (tmp_path / "a.h5ad").read_bytes() == before


def test_counts_and_logarithms_give_the_same_labels(liver_sample) -> None:
    counts = liver_sample()
    logged = counts.copy()
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    cm.tl.annotate(counts)
    cm.tl.annotate(logged)
    assert labels(counts) == labels(logged)
    assert len(set(labels(counts))) > 2


def test_duplicate_obs_names_change_nothing(blood: AnnData) -> None:
    unique = cm.tl.annotate(blood, cluster=False, copy=True)
    blood.obs_names = ["cell"] * blood.n_obs
    cm.tl.annotate(blood, cluster=False)
    assert unique is not None
    assert labels(blood) == labels(unique)
    assert list(blood.obs_names) == ["cell"] * blood.n_obs
    cm.tl.annotate(blood)
    assert blood.obs["bioseq_cluster"].notna().all()


def test_own_clusters_are_named_as_they_are(blood: AnnData) -> None:
    cm.tl.annotate(blood, cluster_key="louvain")
    assert labels(blood, "bioseq_cluster") == labels(blood, "louvain")
    assert blood.obs.groupby("louvain", observed=True)["bioseq_cell_type"].nunique().max() == 1


def test_a_view_is_refused_and_nothing_written(blood: AnnData) -> None:
    view = blood[:100]
    with pytest.raises(InputError, match=r"adata = adata\.copy\(\)"):
        cm.tl.annotate(view)
    assert view.is_view
    found = cm.tl.annotate(view, cluster=False, copy=True)
    assert found is not None
    assert found.n_obs == 100


@pytest.mark.parametrize(
    ("options", "said", "not_said"),
    [
        ({"layer": "none"}, "layer", "--layer"),
        ({"cluster_key": "none"}, "cluster_key", "--cluster-key"),
        ({"organism": "mouse"}, 'organism="human"', "--organism"),
        ({"tissue": "xyzzy"}, "tissue", "--tissue"),
        ({"batch_size": 0}, "batch_size", "--batch-size"),
        ({"min_confidence": 2.0}, "min_confidence", "--min-confidence"),
        ({"key_added": "a/b"}, "'a_b'", "--"),
        ({"method": "none"}, "method", "--method"),
    ],
)
def test_errors_speak_of_arguments(blood: AnnData, options: dict, said: str, not_said: str) -> None:
    with pytest.raises((InputError, UsageError)) as raised:
        cm.tl.annotate(blood, **options)
    assert said in str(raised.value)
    assert not_said not in str(raised.value)
    assert str(raised.value) == "\n".join(raised.value.lines())
    assert "bioseq_cell_type" not in blood.obs
