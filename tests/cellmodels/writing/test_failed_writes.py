"""A run that fails leaves no output, keeps the old one, and says why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from biosequence import disk
from biosequence.atomic import atomic_path
from biosequence.errors import InputError
from cellmodels.stream import open_cells
from cellmodels.writing import preflight, write_annotated, write_table

RESULTS = {"obs": {"bioseq_x": np.arange(97)}, "obsm": {}, "uns": {}}


def names(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root and the right to mount")
    yield folder
    # A thread of a reader may still hold a file for a moment.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_failure_while_streaming_leaves_no_file_and_the_old_output(
    error, make_file, tmp_path, monkeypatch
):
    path, output = make_file("10x_v3"), tmp_path / "out.h5ad"
    output.write_text("the output of before")
    with open_cells(path) as source:
        blocks = source.blocks

        def broken(matrix, size=4096, start=0, stop=None):
            yield next(blocks(matrix, size=10))
            raise error

        monkeypatch.setattr(source, "blocks", broken)
        before = names(tmp_path)
        with pytest.raises(error):
            write_annotated(source, output, **RESULTS)
    assert names(tmp_path) == before and output.read_text() == "the output of before"


@pytest.mark.parametrize("name", ["h5ad", "zarr_v3"])
def test_failure_while_adding_results_leaves_no_file(name, make_file, tmp_path):
    path = make_file(name)
    before = names(tmp_path)

    class Unwritable:
        pass

    with open_cells(path) as source, pytest.raises(Exception, match="Unwritable"):
        write_annotated(
            source, tmp_path / f"out{path.suffix}", obs={}, obsm={}, uns={"x": Unwritable()}
        )
    assert names(tmp_path) == before


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("name", ["h5ad", "10x_v3", "zarr_v3"])
def test_full_disk_is_an_input_error_and_leaves_no_file(
    name, checked, make_file, small_disk, tmp_path, monkeypatch
):
    path = make_file(name)
    results = {**RESULTS, "obsm": {"X_bioseq": np.random.default_rng(0).random((97, 20_000))}}
    if not checked:
        from cellmodels.writing import annotated, checks

        monkeypatch.setattr(annotated, "require_space", lambda *_: None)
        monkeypatch.setattr(checks, "require_space", lambda *_: None)
    output = small_disk / f"out{'.zarr' if path.is_dir() else '.h5ad'}"
    with open_cells(path) as source, pytest.raises(InputError, match="disk is full.* needed"):
        write_annotated(source, output, **results)
    assert names(small_disk) == set()


def test_full_disk_while_writing_a_table(small_disk):
    table = pd.DataFrame({"gene": ["G" * 1000] * 5000})
    with pytest.raises(InputError, match="disk is full"):
        write_table(small_disk / "out.csv", table)
    assert names(small_disk) == set()


def test_full_disk_is_recognised_in_what_hdf5_says():
    text = "Can't write data (file write failed: errno = 28, error message = 'No space left')"
    assert disk.is_full(RuntimeError(text)) and disk.is_full(OSError(28, "x"))
    assert not disk.is_full(RuntimeError("Can't decompress"))


def test_preflight_refuses_the_input_under_any_name(make_file, tmp_path):
    path = make_file("h5ad")
    (tmp_path / "hard.h5ad").hardlink_to(path)
    (tmp_path / "soft.h5ad").symlink_to(path)
    for output in (
        path,
        tmp_path / "hard.h5ad",
        tmp_path / "soft.h5ad",
        tmp_path / "." / path.name,
    ):
        with pytest.raises(InputError, match="output is the input"):
            preflight(output, source=path)
    preflight(tmp_path / "other.h5ad", source=path)


def test_preflight_refuses_a_file_of_the_input_folder(make_file):
    folder = make_file("mtx_gz")
    with pytest.raises(InputError, match="output is the input"):
        preflight(folder / "matrix.mtx.gz", source=folder)
    zarr = make_file("zarr_v2")
    with pytest.raises(InputError, match="inside the input"):
        preflight(zarr / "obs" / "out.h5ad", source=zarr)


def test_preflight_refuses_folders_and_places_that_cannot_hold_a_file(make_file, tmp_path):
    (tmp_path / "folder.zarr").mkdir()
    for folder in (tmp_path, tmp_path / "folder.zarr"):
        with pytest.raises(InputError, match="folder"):
            preflight(folder)
    path = make_file("h5ad")
    with pytest.raises(InputError, match="folder is a file"):
        preflight(path / "out.h5ad", source=path)
    with pytest.raises(InputError, match="cannot be written"):
        preflight("/proc/out.h5ad")


def test_preflight_leaves_nothing_behind(make_file, tmp_path):
    path = make_file("h5ad")
    before = names(tmp_path)
    preflight(tmp_path / "new" / "deep" / "out.h5ad", source=path)
    assert names(tmp_path) == before


def test_preflight_says_early_that_the_disk_is_too_small(make_file, tmp_path, monkeypatch):
    path = make_file("h5ad")
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="disk is full: about .* needed, 0.0 MB free"):
        preflight(tmp_path / "out.h5ad", source=path)


def test_atomic_path_replaces_the_target_of_a_link_and_keeps_the_link(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    with atomic_path(tmp_path / "link.csv") as partial:
        partial.write_text("new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_write_table_chooses_the_separator_by_name(tmp_path):
    table = pd.DataFrame({"cluster": ["0"], "evidence": ["CD3D, CD3E"]})
    write_table(tmp_path / "a.csv", table)
    write_table(tmp_path / "a.tsv", table)
    assert (tmp_path / "a.csv").read_text() == 'cluster,evidence\n0,"CD3D, CD3E"\n'
    assert (tmp_path / "a.tsv").read_text() == "cluster\tevidence\n0\tCD3D, CD3E\n"


def test_streamed_output_is_the_same_whatever_the_block_size(make_file, tmp_path, monkeypatch):
    from cellmodels.stream import matrix

    path = make_file("10x_v2")
    found = []
    for limit in (matrix.MAX_BLOCK_VALUES, 30):
        monkeypatch.setattr(matrix, "MAX_BLOCK_VALUES", limit)
        with open_cells(path) as source:
            write_annotated(source, tmp_path / "out.h5ad", **RESULTS)
        with open_cells(tmp_path / "out.h5ad") as copy:
            found.append(sparse.vstack([block for _, block in copy.blocks("X")]).toarray())
    np.testing.assert_array_equal(*found)
