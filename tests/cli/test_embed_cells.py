"""`bioseq embed` with a model of cells: a copy of the file with vectors, or three lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from bioseq_cli.main import main

import cellmodels as cm


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return (ended.value.code, *capfd.readouterr())

    return run


@pytest.fixture
def file(liver_sample, tmp_path: Path) -> Path:
    """Forty cells, of which the first is empty."""
    cells = liver_sample(num_cells=40, num_genes=600, seed=1)
    cells.X = cells.X.multiply(np.arange(40)[:, None] > 0).tocsr()
    cells.layers["same"] = cells.X.copy()
    cells.var["symbol"] = cells.var_names
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


def test_the_output_is_the_input_with_the_embedding(call, tiny_langcell: Path, file: Path) -> None:
    output, before = file.with_name("e.h5ad"), file.read_bytes()
    code, out, err = call(
        *("embed", tiny_langcell, file, "-o", output, "--json", "--device", "cpu")
    )
    assert code == 0, err
    assert "1 cell has no gene" in err
    summary = json.loads(out)
    assert {"cells": 40, "without_genes": 1, "width": 16}.items() <= summary.items()
    assert file.read_bytes() == before
    written, cells = ad.read_h5ad(output), ad.read_h5ad(file)
    with pytest.warns(UserWarning, match="1 cell"):
        cm.tl.embed(cells, model=tiny_langcell)
    assert np.array_equal(written.obsm["X_bioseq"], cells.obsm["X_bioseq"])
    assert list(written.obs) == ["truth"] and list(written.layers) == ["same"]


def test_matrix_genes_and_batch_size_may_be_said(call, tiny_langcell: Path, file: Path) -> None:
    found = []
    for number, more in enumerate(
        ((), ("--layer", "same", "--gene-key", "symbol", "--batch-size", 7, "--organism", "human"))
    ):
        output = file.with_name(f"{number}.h5ad")
        assert call("embed", tiny_langcell, file, "-o", output, *more)[0] == 0
        found.append(ad.read_h5ad(output).obsm["X_bioseq"])
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (3, ["-o", "cells.h5ad"], "input"),
        (3, ["-o", "e.h5ad", "--layer", "nowhere"], "nowhere"),
        (2, ["-o", "e.h5ad", "--pool", "last"], "--pool says nothing"),
        (2, ["-o", "e.h5ad", "--resume"], "--resume says nothing"),
    ],
)
def test_what_cannot_be_done_leaves_no_file(
    call, tiny_langcell: Path, file: Path, monkeypatch, code: int, words: list[str], said: str
) -> None:
    monkeypatch.chdir(file.parent)
    before = file.read_bytes()
    found, out, err = call("embed", tiny_langcell, "cells.h5ad", *words)
    assert (found, out) == (code, "")
    assert said in err
    assert [path.name for path in file.parent.iterdir()] == ["cells.h5ad"]
    assert file.read_bytes() == before


def test_a_model_of_sequences_refuses_what_is_for_cells(
    call, sequence_models, tmp_path: Path
) -> None:
    (tmp_path / "in.fa").write_text(">a\nACGT\n")
    given = ("embed", sequence_models("dna"), tmp_path / "in.fa", "-o", tmp_path / "e.npz")
    code, _, err = call(*given, "--gene-key", "symbol")
    assert code == 2 and "--gene-key says nothing" in err
    code, _, err = call(*given, "--layer", "raw")
    assert code == 2 and "no number of a layer" in err
    assert not (tmp_path / "e.npz").exists()
