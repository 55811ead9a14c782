"""`adata.bioseq`: when it exists, and that it does what the functions do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from anndata import AnnData

import cellmodels as cm
from biosequence.errors import InputError


@pytest.mark.parametrize(
    "code",
    [
        "import anndata, cellmodels",
        "import cellmodels, anndata; cellmodels.tl",
        "import anndata, cellmodels.accessor",
        "import cellmodels.accessor, anndata",
    ],
)
def test_the_attribute_exists(code: str) -> None:
    code += "; assert hasattr(anndata.AnnData, 'bioseq')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_methods_do_what_the_functions_do(blood: AnnData, annotated: AnnData) -> None:
    assert blood.bioseq.check(layer="raw").matrix == "raw"
    assert blood.bioseq.annotate() is None
    assert blood.obs["bioseq_cell_type"].equals(annotated.obs["bioseq_cell_type"])
    blood.bioseq.embed(key_added="e")
    assert (blood.obsm["X_e"] == annotated.obsm["X_bioseq"]).all()


def test_clusters_are_those_of_the_cells(annotated: AnnData) -> None:
    table = annotated.bioseq.clusters()
    sizes = annotated.obs["bioseq_cluster"].astype(str).value_counts()
    assert table["n_cells"].to_dict() == sizes.to_dict()
    assert table["n_cells"].is_monotonic_decreasing
    whole = table[table["status"] != "mixed"]
    for cluster, row in whole.iterrows():
        cells = annotated.obs[annotated.obs["bioseq_cluster"] == cluster]
        assert set(cells["bioseq_cell_type"]) == {row["cell_type"]}
    cm.tl.annotate(annotated, cluster=False)
    assert len(annotated.bioseq.clusters()) == 0


def test_report_is_of_the_matrix_that_was_annotated(annotated: AnnData, tmp_path: Path) -> None:
    annotated.layers["counts"] = np.random.default_rng(0).poisson(1.0, annotated.shape)
    assert annotated.bioseq.check().matrix == "counts"
    annotated.bioseq.report(tmp_path / "r.html")
    assert "Read raw" in (tmp_path / "r.html").read_text(encoding="utf-8")
    del annotated.raw
    annotated.bioseq.report(tmp_path / "r.html")
    assert "Read layers" in (tmp_path / "r.html").read_text(encoding="utf-8")


def numbers(page: str) -> list[str]:
    """The visible text of a report, without the day and the name of the input."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", " ", page, flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if not re.search(r"AnnData object|cells\.h5ad|UTC|\d{4}", line)]


def test_report_is_that_of_the_command(blood: AnnData, annotated: AnnData, tmp_path: Path) -> None:
    from cellmodels.annotate import AnnotateOptions, annotate_file

    blood.write_h5ad(tmp_path / "cells.h5ad")
    annotate_file(tmp_path / "cells.h5ad", AnnotateOptions())
    annotated.bioseq.report(tmp_path / "mine.html")
    theirs = numbers((tmp_path / "cells.annotated.html").read_text(encoding="utf-8"))
    assert numbers((tmp_path / "mine.html").read_text(encoding="utf-8")) == theirs
    assert len(theirs) > 50
    back = ad.read_h5ad(tmp_path / "cells.annotated.h5ad")
    back.bioseq.report(tmp_path / "back.html")
    assert numbers((tmp_path / "back.html").read_text(encoding="utf-8")) == theirs


def test_report_of_other_cells_is_refused(annotated: AnnData, tmp_path: Path) -> None:
    some = annotated[:500].copy()
    with pytest.raises(InputError, match="700 cells, and there are 500"):
        some.bioseq.report(tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_report_needs_an_annotation_and_a_place(
    blood: AnnData, annotated: AnnData, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"cm\.tl\.annotate"):
        blood.bioseq.report(tmp_path / "r.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        annotated.bioseq.report(tmp_path / "file" / "r.html")


def test_report_without_clusters(blood: AnnData, tmp_path: Path) -> None:
    cm.tl.annotate(blood, cluster=False)
    blood.bioseq.report(tmp_path / "r.html")
    assert "Cell types in AnnData object" in (tmp_path / "r.html").read_text(encoding="utf-8")
