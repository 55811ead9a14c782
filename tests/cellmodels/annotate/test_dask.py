"""A Dask cluster gives the answers of one process, bit for bit, and fails in three lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from biosequence.errors import InputError, RemoteError, UsageError
from cellmodels.annotate import AnnotateOptions, annotate_cells, annotate_file
from cellmodels.annotate import dask as shards
from cellmodels.stream import open_cells

distributed = pytest.importorskip("distributed", reason="needs the extra bioseq-toolkit[dask]")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a scheduler with two worker processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as local:
        yield local.scheduler_address


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that the cells of a test are many tasks, and the last is a short one."""
    monkeypatch.setattr(shards, "TASK_ROWS", 70)


def written(adata: ad.AnnData, folder: Path, kind: str) -> Path:
    path = folder / f"cells.{kind}"
    adata.write_zarr(path) if kind == "zarr" else adata.write_h5ad(path)
    return path


def answers(path: Path, **options) -> ad.AnnData:
    output = path.with_name(f"{len(options)}.h5ad")
    annotate_file(path, AnnotateOptions(report=False, output=output, **options))
    return ad.read_h5ad(output)


@pytest.mark.parametrize("kind", ["zarr", "h5ad"])
def test_dask_gives_the_bits_of_one_process(kind, cluster, small_tasks, liver_sample, tmp_path):
    path = written(liver_sample(num_cells=333, num_genes=800), tmp_path, kind)
    alone, shared = answers(path), answers(path, dask=cluster)
    pd.testing.assert_frame_equal(alone.obs, shared.obs)
    np.testing.assert_array_equal(alone.obsm["X_bioseq"], shared.obsm["X_bioseq"])
    assert alone.uns["bioseq"]["clusters"] == shared.uns["bioseq"]["clusters"]


def test_dask_from_the_command_line(cluster, liver_sample, tmp_path, capsys):
    from bioseq_cli.main import main

    path = written(liver_sample(num_cells=60, num_genes=600), tmp_path, "zarr")
    with pytest.raises(SystemExit) as left:
        main(["annotate", str(path), "--no-report", "--dask", cluster])
    assert left.value.code == 0, capsys.readouterr().err
    assert (tmp_path / "cells.annotated.h5ad").exists()


def test_dask_names_what_a_worker_finds_wrong_in_the_file(
    cluster, small_tasks, liver_sample, tmp_path
):
    adata = liver_sample(num_cells=5000, num_genes=600)
    # Far from the rows that the input check looks at.
    adata.X.data[adata.X.indptr[4001]] = np.inf
    path = written(adata, tmp_path, "h5ad")
    with pytest.raises(InputError, match="infinite"):
        answers(path, dask=cluster)
    assert [file.name for file in tmp_path.iterdir()] == ["cells.h5ad"]


def test_dask_tells_why_a_worker_failed(cluster, liver_sample, tmp_path, monkeypatch):
    path = written(liver_sample(num_cells=60, num_genes=600), tmp_path, "h5ad")
    whole = shards.score_on_dask
    broken = lambda source, job, address: whole(source, replace(job, tree=None), address)  # noqa: E731
    monkeypatch.setattr(shards, "score_on_dask", broken)
    with pytest.raises(RemoteError, match="'NoneType' object has no attribute") as caught:
        answers(path, dask=cluster)
    assert caught.value.exit_code == 6


def test_dask_tells_when_workers_cannot_see_the_file(cluster, liver_sample, tmp_path):
    path = written(liver_sample(num_cells=60, num_genes=600), tmp_path, "h5ad")
    with open_cells(path) as source:
        source.rows("X", np.arange(3))
        path.unlink()
        with pytest.raises(RemoteError, match="cannot see the file"):
            list(shards.score_on_dask(source, None, cluster))


def test_dask_tells_when_nobody_answers(liver_sample, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PATIENCE", 1)
    path = written(liver_sample(num_cells=60, num_genes=600), tmp_path, "h5ad")
    with pytest.raises(RemoteError, match="does not answer"):
        answers(path, dask="tcp://127.0.0.1:9")


def test_dask_refuses_cells_in_memory(liver_sample):
    with pytest.raises(UsageError, match="in memory only"):
        annotate_cells(
            liver_sample(num_cells=60, num_genes=600), AnnotateOptions(dask="tcp://127.0.0.1:9")
        )
