"""`bioseq annotate --method langcell --candidates ...` from the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from bioseq_cli.main import main

from ..tiny_langcell import FREE, TYPES


@pytest.fixture
def file(liver_sample: Callable[..., ad.AnnData], tmp_path: Path) -> Path:
    """Cells that the model has not seen."""
    cells = liver_sample(num_cells=300, num_genes=600, seed=1)[240:].copy()
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


def bioseq(*args: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["annotate", *map(str, args)])
    return ended.value.code


def refused(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str]:
    code = bioseq(*args, "--method", "langcell", "--no-report")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "defect" not in captured.err
    return code, captured.err


@pytest.mark.parametrize("switch", [[], ["--no-cluster"]])
def test_candidates_in_words_name_the_cells(
    file: Path, tiny_langcell: Path, capsys: pytest.CaptureFixture[str], switch: list[str]
) -> None:
    names = ", ".join(FREE if name == "hepatocyte" else name for name in TYPES)
    options = ["--method", "langcell", "--model", tiny_langcell, "--candidates", names]
    assert bioseq(file, *options, *switch, "--no-report", "--device", "cpu", "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    said = json.loads(captured.out)
    written = ad.read_h5ad(said["output"])
    assert {
        "bioseq_cell_type",
        "bioseq_cell_type_ontology_term_id",
        "bioseq_confidence",
        "bioseq_cell_type_per_cell",
    } <= set(written.obs)
    assert "X_bioseq" in written.obsm
    found = written.obs["bioseq_cell_type"].astype(str)
    assert said["counts"] == found.value_counts().to_dict()
    expected = written.obs["truth"].map(
        {"hepatocyte": FREE, "NK cell": "natural killer cell", "endothelial": "endothelial cell"}
    )
    right = (found == expected.fillna(written.obs["truth"])).mean()
    assert right > (0.75 if switch else 0.9)
    assert set(written.obs.loc[found == FREE, "bioseq_cell_type_ontology_term_id"]) == {""}


def test_a_file_of_candidates_may_hold_commas(
    file: Path, tiny_langcell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "parenchyma of liver, with albumin, of some donor"
    (tmp_path / "names.txt").write_text(f"B cell\n\n{text}\n", encoding="utf-8")
    options = ["--method", "langcell", "--model", tiny_langcell, "--device", "cpu"]
    options += ["--candidates", tmp_path / "names.txt", "--no-cluster", "--no-report"]
    assert bioseq(file, *options) == 0
    written = ad.read_h5ad(tmp_path / "cells.annotated.h5ad")
    assert sorted(written.uns["bioseq"]["classes"]) == ["CL:0000236", text]


def test_without_a_model_the_exit_code_is_4(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(capsys, file, "--candidates", "B cell")
    assert code == 4
    assert "--model FOLDER" in said


def test_a_folder_without_a_model_is_4(
    file: Path, tmp_path: Path, tiny_langcell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(capsys, file, "--model", tmp_path / "nowhere")[0] == 4
    bundle = tmp_path / "bundle"
    (bundle / "cell_bert").mkdir(parents=True)
    code, said = refused(capsys, file, "--model", bundle)
    assert code == 4
    assert "bioseq convert" in said
    assert "lacks text_bert" in said
    broken = shutil.copytree(tiny_langcell, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    assert refused(capsys, file, "--model", broken, "--candidates", "B cell")[0] == 4


def test_genes_that_the_model_does_not_know_are_3(
    file: Path, tiny_langcell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cellmodels.genes import gene_table

    cells = ad.read_h5ad(file)
    other = sorted(set(gene_table("human").symbols) - set(cells.var_names))
    cells.var_names = np.array(other[: cells.n_vars], dtype=object)
    cells.write_h5ad(file)
    before = sorted(file.parent.iterdir())
    code, said = refused(capsys, file, "--model", tiny_langcell, "--candidates", "B cell, T cell")
    assert code == 3
    assert "vocabulary" in said
    assert sorted(file.parent.iterdir()) == before


def test_candidates_that_are_none_are_2(
    file: Path, tiny_langcell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", tiny_langcell]
    assert refused(capsys, file, *model, "--candidates", " , ")[0] == 2
    assert refused(capsys, file, *model, "--candidates", "B cell, Unknown")[0] == 2
    (tmp_path / "list.bin").write_bytes(b"\xff\xfe\x00\x81")
    code, said = refused(capsys, file, *model, "--candidates", tmp_path / "list.bin")
    assert code == 2
    assert "UTF-8" in said
    assert refused(capsys, file, *model, "--device", "cuda:77")[0] == 2
