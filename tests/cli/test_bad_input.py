"""Files that cannot be annotated: the promised exit code, three lines, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from bioseq_cli.main import main
from scipy import sparse

from cellmodels.genes import orthologs

Refusal = Callable[..., str]


@pytest.fixture
def cells(liver_sample: Callable[..., ad.AnnData]) -> ad.AnnData:
    return liver_sample(num_cells=48, num_genes=600)


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Annotate and expect a refusal; the message, after its form and the folder are checked."""

    def call(path: Path | str, *args: str, code: int = 3) -> str:
        before = _contents(tmp_path)
        with pytest.raises(SystemExit) as ended:
            main(["annotate", str(path), *args])
        captured = capsys.readouterr()
        lines = captured.err.splitlines()
        assert ended.value.code == code, captured.err
        assert captured.out == ""
        assert lines[0].startswith("error: ")
        assert 2 <= len(lines) <= 3, captured.err
        assert all(line.startswith("  ") for line in lines[1:])
        assert "defect" not in captured.err
        assert _contents(tmp_path) == before
        return captured.err

    return call


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(item.relative_to(folder)): item.read_bytes()
        for item in folder.rglob("*")
        if item.is_file()
    }


@pytest.fixture
def saved(tmp_path: Path, cells: ad.AnnData) -> Callable[[], Path]:
    """Write the cells as they are now."""

    def save() -> Path:
        cells.write_h5ad(tmp_path / "cells.h5ad")
        return tmp_path / "cells.h5ad"

    return save


def test_missing_file(refused: Refusal, tmp_path: Path) -> None:
    assert "absent.h5ad" in refused(tmp_path / "absent.h5ad")


def test_missing_marker_table(refused: Refusal, tmp_path: Path) -> None:
    assert "absent.csv" in refused(tmp_path / "absent.csv")


def test_folder_without_cells(refused: Refusal, tmp_path: Path) -> None:
    assert "matrix.mtx" in refused(tmp_path)


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.9])
def test_truncated_h5ad(refused: Refusal, saved: Callable[[], Path], keep: float) -> None:
    path = saved()
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert path.name in refused(path)


@pytest.mark.parametrize("content", [b"gene,cell\n1,2\n", b"\x1f\x8b" + bytes(200), b"PK\x03\x04"])
def test_not_an_h5ad(refused: Refusal, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cells.h5ad").write_bytes(content)
    assert "cells.h5ad" in refused(tmp_path / "cells.h5ad")


def test_hdf5_of_another_kind(refused: Refusal, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["weights"] = np.zeros(3)
    refused(tmp_path / "weights.h5")


@pytest.mark.parametrize("part", [np.s_[:0], np.s_[:, :0]])
def test_no_cells_or_no_genes(
    refused: Refusal, cells: ad.AnnData, tmp_path: Path, part: tuple
) -> None:
    cells[part].copy().write_h5ad(tmp_path / "cells.h5ad")
    assert "empty" in refused(tmp_path / "cells.h5ad")


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(
    refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData, poison: float
) -> None:
    cells.X.data[7] = poison
    assert "NaN" in refused(saved())


def test_a_value_that_is_not_finite_where_the_sample_did_not_look(
    refused: Refusal, liver_sample: Callable[..., ad.AnnData], tmp_path: Path
) -> None:
    from cellmodels.inputs.check import spread_rows

    many = liver_sample(num_cells=5000, num_genes=200)
    unseen = int(np.setdiff1d(np.arange(many.n_obs), spread_rows(many.n_obs))[-1])
    many.X.data[many.X.indptr[unseen]] = np.nan
    many.write_h5ad(tmp_path / "cells.h5ad")
    assert f"cell {unseen + 1:,}" in refused(tmp_path / "cells.h5ad", "--no-report")


def test_scaled_values_only(refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData) -> None:
    dense = cells.X.toarray()
    cells.X = (dense - dense.mean(axis=0)) / (dense.std(axis=0) + 1)
    message = refused(saved())
    assert "scaled" in message and "counts" in message


def test_scaled_matrix_by_force_names_the_one_to_take(
    refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData
) -> None:
    cells.layers["counts"] = cells.X.copy()
    cells.X = cells.X.toarray() - 1
    assert "--layer counts" in refused(saved(), "--layer", "X")


def test_nothing_but_zeros(refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData) -> None:
    cells.X = sparse.csr_matrix(cells.shape, dtype=np.float32)
    assert "zeros" in refused(saved())


def test_genes_by_cells(refused: Refusal, cells: ad.AnnData, tmp_path: Path) -> None:
    cells.T.copy().write_h5ad(tmp_path / "cells.h5ad")
    assert "transpose" in refused(tmp_path / "cells.h5ad")


def test_unknown_genes(refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData) -> None:
    cells.var_names = [f"peak-{i}" for i in range(cells.n_vars)]
    assert "--gene-key" in refused(saved())


def test_mouse_genes_called_human(
    refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData
) -> None:
    mouse = orthologs("human", "mouse")
    cells.var_names = [mouse.get(name, (f"Gm{i}",))[0] for i, name in enumerate(cells.var_names)]
    cells.var_names_make_unique()
    assert "--organism mouse" in refused(saved(), "--organism", "human")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--layer", "spliced"], 3, ["spliced", "X"]),
        (["--gene-key", "symbol"], 3, ["symbol"]),
        (["--cluster-key", "leiden"], 3, ["leiden", "truth"]),
        (["--organism", "rat"], 2, ["rat"]),
        (["--batch-size", "0"], 2, ["--batch-size"]),
        (["--min-confidence", "-1"], 2, ["--min-confidence"]),
        (["--candidates", "B cell, gobbledygook"], 2, ["gobbledygook", "--candidates"]),
        (["--tissue", "gobbledygook"], 2, ["gobbledygook", "--tissue"]),
        (["--method", "langcell"], 4, ["LangCell", "--model"]),
        (["--method", "llm"], 2, ["llm", "auto"]),
        (["--method", "magic"], 2, ["magic"]),
        (["--device", "nonsense"], 2, ["nonsense", "--device"]),
        (["--model", "no/such/folder"], 4, ["no/such/folder"]),
        (["--report", "same.h5ad", "-o", "same.h5ad"], 2, ["--report"]),
    ],
)
def test_options_that_name_nothing(
    refused: Refusal,
    saved: Callable[[], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    code: int,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused(saved(), *args, code=code)
    assert all(word in message for word in words), message


def test_a_clustering_of_single_cells(
    refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData
) -> None:
    many = ad.concat([cells] * 22, index_unique="-", keys=range(22))
    many.obs["id"] = [f"id{i}" for i in range(many.n_obs)]
    many.write_h5ad(path := saved())
    assert "different values" in refused(path, "--cluster-key", "id")


def test_a_clustering_without_a_value(
    refused: Refusal, saved: Callable[[], Path], cells: ad.AnnData
) -> None:
    cells.obs["empty"] = np.nan
    assert "no value" in refused(saved(), "--cluster-key", "empty")


@pytest.mark.parametrize("damage", ["absent", "cut", "no json", "other weights", "cut table"])
def test_damaged_model(
    refused: Refusal, saved: Callable[[], Path], tmp_path: Path, damage: str
) -> None:
    import shutil
    from importlib.resources import files

    import cellmodels.default

    folder = tmp_path / "model"
    shutil.copytree(str(files(cellmodels.default)), folder)
    weights, config = folder / "model.safetensors", folder / "config.json"
    if damage == "absent":
        weights.unlink()
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "no json":
        config.write_text("{")
    elif damage == "other weights":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    else:
        table = folder / "classes.tsv"
        table.write_text("\n".join(table.read_text().splitlines()[:9]) + "\n")
    assert "model" in refused(saved(), "--model", str(folder), code=4)


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("m.csv", "", "cannot be read"),
        ("m.csv", "cluster,gene\n", "no gene"),
        ("m.csv", "cluster,p_val\n1,0.1\n", "gene"),
        ("m.csv", "gene,p_val\nCD3D,0.1\n", "cluster"),
        ("m.tsv", "cluster,gene\n1,CD3D\n", "cluster,gene"),
        ("m.csv", "cluster,gene\n1,Qqq1\n1,Qqq2\n2,Qqq3\n", "gene"),
        ("m.csv", "cluster,gene,avg_log2FC\n1,CD3D,-2\n", "no gene"),
        ("m.csv.gz", "cluster,gene\n1,CD3D\n", "cannot be read"),
    ],
)
def test_marker_table_that_cannot_be_used(
    refused: Refusal, tmp_path: Path, name: str, text: str, word: str
) -> None:
    (tmp_path / name).write_text(text)
    assert word in refused(tmp_path / name)


@pytest.mark.parametrize("content", [b"\x89HDF\r\n" + bytes(range(256)), b"\xff\xfec\x00l\x00"])
def test_bytes_called_a_marker_table(refused: Refusal, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    refused(tmp_path / "m.csv")


def test_marker_table_cut_short(refused: Refusal, tmp_path: Path) -> None:
    import gzip

    whole = gzip.compress(b"cluster,gene\n" + b"".join(b"%d,CD3D\n" % i for i in range(9999)))
    (tmp_path / "m.csv.gz").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "m.csv.gz")


def test_marker_table_with_an_unknown_tissue(refused: Refusal, tmp_path: Path) -> None:
    table = pd.DataFrame({"cluster": ["1"], "markers": ["CD3D, CD3E"], "tissue": ["gobbledygook"]})
    table.to_csv(tmp_path / "m.csv", index=False)
    message = refused(tmp_path / "m.csv")
    assert "gobbledygook" in message and "column tissue, cluster '1'" in message


@pytest.mark.parametrize(
    "args", [["--cluster-key", "a"], ["--report", "r.html"], ["--layer", "raw"]]
)
def test_marker_table_with_an_option_for_cells(
    refused: Refusal, tmp_path: Path, args: list[str]
) -> None:
    (tmp_path / "m.csv").write_text("cluster,gene\n1,CD3D\n1,CD3E\n1,TRAC\n")
    assert args[0] in refused(tmp_path / "m.csv", *args, code=2)


def test_output_name_of_another_kind(
    refused: Refusal, saved: Callable[[], Path], tmp_path: Path
) -> None:
    assert "out.h5ad" in refused(saved(), "-o", str(tmp_path / "out.csv"), code=2)
    assert ".h5ad" in refused(saved(), "-o", str(tmp_path / "out.zarr"))
