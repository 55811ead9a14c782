"""Files that cannot be read: one InputError each, with what, where and a fix."""

from __future__ import annotations

import gzip

import anndata as ad
import h5py
import numpy as np
import pytest

from biosequence.errors import InputError
from cellmodels.stream import open_cells


def refused(source, match: str) -> InputError:
    with pytest.raises(InputError, match=match) as caught, open_cells(source) as cells:
        for matrix in cells.matrices:
            for _ in cells.blocks(matrix):
                pass
    assert caught.value.where and caught.value.fix
    return caught.value


def test_missing_file_is_named(tmp_path):
    assert "absent.h5ad" in refused(tmp_path / "absent.h5ad", "does not exist").where


def test_folder_of_no_known_format(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    refused(tmp_path, "neither|holds")


def test_folder_with_two_matrices_asks_which(make_file):
    folder = make_file("mtx_gz")
    (folder / "b_matrix.mtx.gz").write_bytes(b"")
    assert "b_matrix.mtx.gz" in refused(folder, "2 matrices").fix


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_truncated_h5ad(keep, make_file):
    path = make_file("h5ad")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    refused(path, "cut short")


def test_empty_file(tmp_path):
    (tmp_path / "a.h5ad").touch()
    refused(tmp_path / "a.h5ad", "0 bytes")


def test_text_called_h5ad(tmp_path):
    (tmp_path / "a.h5ad").write_text("gene,cell\n" * 50)
    refused(tmp_path / "a.h5ad", "not an HDF5 file")


def test_hdf5_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["weights"] = np.zeros(3)
    refused(tmp_path / "a.h5ad", "not a single-cell file")


def test_mudata_names_the_way_out(tmp_path):
    with h5py.File(tmp_path / "a.h5mu", "w") as file:
        file.create_group("mod/rna")
    assert "mod['rna']" in refused(tmp_path / "a.h5mu", "MuData").fix


def test_file_without_a_matrix(tmp_path, cells):
    ad.AnnData(obs=cells.obs, var=cells.var).write_h5ad(tmp_path / "a.h5ad")
    refused(tmp_path / "a.h5ad", "no expression matrix")
    refused(ad.AnnData(obs=cells.obs), "no expression matrix|empty")


@pytest.mark.parametrize("part", [np.s_[:0], np.s_[:, :0]])
def test_no_cells_or_no_genes(part, tmp_path, cells):
    cells.raw = None
    cells[part].copy().write_h5ad(tmp_path / "a.h5ad")
    refused(tmp_path / "a.h5ad", "empty")
    refused(cells[part], "empty")


def test_unknown_matrix_lists_those_there_are(make_file):
    with open_cells(make_file("h5ad")) as source, pytest.raises(InputError) as caught:
        source.var("spliced")
    assert caught.value.fix == "Use one of: X, raw, counts."


def test_block_damaged_in_the_middle_is_named_when_it_is_reached(tmp_path, counts):
    path = tmp_path / "a.h5ad"
    ad.AnnData(counts).write_h5ad(path, compression="gzip", compression_opts=1)
    with h5py.File(path, "r") as file:
        size = file["X/data"].shape[0]
    with h5py.File(path, "r+") as file:
        del file["X/data"]
        data = file["X"].create_dataset("data", (size,), "f4", chunks=(64,), compression="gzip")
        data[:] = 1
        place = data.id.get_chunk_info(data.id.get_num_chunks() // 2).byte_offset
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 8)
    refused(path, "X from row .* cannot be read")
    with open_cells(path) as source:
        assert next(source.blocks("X", size=8))[1].shape == (8, 23)


@pytest.mark.parametrize(
    ("part", "value", "match"),
    [("indices", 999, "beyond the last"), ("indices", -1, "beyond"), ("indptr", 9**9, "pointers")],
)
def test_numbers_that_point_outside_the_matrix(part, value, match, make_file):
    path = make_file("h5ad")
    with h5py.File(path, "r+") as file:
        file["X"][part][50] = value
    refused(path, match)


def test_matrix_and_tables_of_different_size(make_file):
    path = make_file("10x_v2")
    with h5py.File(path, "r+") as file:
        del file["hg19/barcodes"]
        file["hg19/barcodes"] = [b"A", b"B"]
    refused(path, "97 x 23.* 2 cells")


def test_10x_without_gene_expression(make_file):
    path = make_file("10x_v3")
    with h5py.File(path, "r+") as file:
        file["matrix/features/feature_type"][:] = b"Antibody Capture"
    refused(path, "no gene expression")


def test_mtx_gz_cut_short(make_file):
    folder = make_file("mtx_gz")
    content = (folder / "matrix.mtx.gz").read_bytes()
    (folder / "matrix.mtx.gz").write_bytes(content[: len(content) // 2])
    refused(folder, "damaged or incomplete")


def test_mtx_with_missing_lines(make_file):
    folder = make_file("mtx_gz")
    text = gzip.decompress((folder / "matrix.mtx.gz").read_bytes())
    short = text[: text.rstrip().rindex(b"\n")]
    (folder / "matrix.mtx.gz").write_bytes(gzip.compress(short))
    refused(folder, "announces")


def test_mtx_without_its_tables(make_file):
    folder = make_file("mtx")
    (folder / "genes.tsv").unlink()
    refused(folder, "no features.tsv")


def test_disk_too_small_for_sorting_is_said_before_it_is_full(make_file, monkeypatch):
    from cellmodels.stream import spill

    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(spill.shutil, "disk_usage", lambda _: usage)
    assert "TMPDIR" in refused(make_file("h5ad_csc"), "sorted by cell").fix
