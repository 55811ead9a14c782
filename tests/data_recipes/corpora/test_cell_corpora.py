"""Cell corpora: donors and studies in one split."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from bioseq_recipes.corpora import get_recipe, prepare_corpus
from bioseq_recipes.corpora.cells import census
from bioseq_recipes.corpora.job import Job
from bioseq_recipes.corpora.sources import Sources
from scipy import sparse

from biosequence.errors import InputError, RemoteError

SPLITS = ("train", "validation", "test")


class Library:
    """The face of `cellxgene_census` that the recipe uses, over cells in memory."""

    def __init__(self, cells: int = 900) -> None:
        rng = np.random.default_rng(0)
        self.obs = pd.DataFrame(
            {
                "soma_joinid": np.arange(cells) * 3,
                "dataset_id": rng.choice(["s1", "s2"], cells),
                "donor_id": rng.choice([*(f"D{n}" for n in range(20)), "pooled"], cells),
            }
        )
        self.filters: list[str] = []

    def open_soma(self, *, census_version: str) -> Any:
        if census_version == "absent":
            raise RuntimeError("no such release\nand more")
        from contextlib import nullcontext

        return nullcontext(census_version)

    def get_obs(self, census: str, organism: str, *, value_filter: str, column_names: list[str]):
        self.filters.append(value_filter)
        return self.obs[column_names].iloc[: 0 if "nowhere" in value_filter else None]

    def get_anndata(self, census: str, *, organism: str, obs_coords: list[int], **_: Any):
        rows = self.obs.set_index("soma_joinid", drop=False).loc[obs_coords]
        obs = rows.set_axis([str(number) for number in rows.index]).astype({"donor_id": str})
        return ad.AnnData(sparse.csr_matrix(np.ones((len(obs), 2), np.float32)), obs=obs)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a job of the census over a stand-in for its library."""
    library = Library()
    monkeypatch.setattr(census, "require", lambda *_: library)
    monkeypatch.setattr(census, "BLOCK", 100)
    recipe = get_recipe("census")

    def make(**options: object) -> SimpleNamespace:
        sources = Sources(recipe)
        job = Job(
            recipe, sources, tmp_path, recipe.settings({"validation": 0.2, "test": 0.2} | options)
        )
        return SimpleNamespace(job=job, library=library)

    return make


def test_census_donors_are_in_one_split(job, tmp_path: Path) -> None:
    made = job(tissue="blood", disease="normal")
    census.prepare(made.job)
    wanted = "is_primary_data == True and tissue_general == 'blood' and disease == 'normal'"
    assert made.library.filters == [wanted]
    donors, ids = {}, []
    for split in SPLITS:
        files = sorted((tmp_path / split).glob("part-*.h5ad"))
        parts = [ad.read_h5ad(path) for path in files]
        assert all(len(part) <= 100 for part in parts)
        obs = pd.concat([part.obs for part in parts])
        ids += obs["soma_joinid"].tolist()
        donors[split] = {*obs["donor_id"]} - {"pooled"}
    assert sorted(ids) == made.library.obs["soma_joinid"].tolist()
    assert sum(map(len, donors.values())) == len(set.union(*donors.values())) == 20


def test_census_takes_so_many_cells(job) -> None:
    made = job(cells=150)
    census.prepare(made.job)
    assert sum(made.job.counts[split]["cells"] for split in SPLITS) == 150


def test_census_slices_that_are_not_there(job) -> None:
    with pytest.raises(InputError, match="no cell"):
        census.prepare(job(tissue="nowhere").job)
    with pytest.raises(RemoteError, match="no such release"):
        census.prepare(job(census="absent").job)


def test_profiles_keep_a_study_in_one_split(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "profiles"
    manifest = prepare_corpus("profiles", tmp_path / "o", source=source)
    studies = [
        {*ad.read_h5ad(tmp_path / "o" / f"{split}.h5ad", backed="r").obs["dataset"]}
        for split in SPLITS
    ]
    assert len(set.union(*studies)) == sum(map(len, studies))
    assert manifest["counts"]["train"]["profiles"] > 500


def test_profiles_need_both_files(tmp_path: Path) -> None:
    (tmp_path / "profiles_human.h5ad").write_bytes(b"x")
    with pytest.raises(InputError, match="profiles_mouse.h5ad is not among"):
        prepare_corpus("profiles", tmp_path / "o", source=tmp_path)


@pytest.mark.network
@pytest.mark.skipif(not os.environ.get("BIOSEQ_NETWORK"), reason="BIOSEQ_NETWORK is not set")
def test_the_census_itself(tmp_path: Path) -> None:
    pytest.importorskip("cellxgene_census")
    options = {"tissue": "tongue", "cells": 100}
    manifest = prepare_corpus("census", tmp_path / "o", options=options)
    assert sum(manifest["counts"][split]["cells"] for split in SPLITS) == 100
