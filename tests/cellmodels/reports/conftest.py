"""Annotation results made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from biosequence.provenance import RunRecord
from cellmodels.annotate.result import AnnotationResult, Call, ClusterAnswer, SketchView
from cellmodels.genes import GeneMap
from cellmodels.inputs import InputCheck, MatrixState

GENES = ("CD79A", "MS4A1", "NKG7", "GNLY", "CD14", "LYZ", "CD3E", "IL7R")
TYPES = (
    ("B cell", "CL:0000236", ("MS4A1", "CD79A")),
    ("natural killer cell", "CL:0000623", ("NKG7", "GNLY")),
    ("monocyte", "CL:0000576", ("LYZ", "CD14")),
    ("Unknown", "", ()),
)


def make_check(organism: str, genes: tuple[str, ...], n_obs: int, detail: str) -> InputCheck:
    state = MatrixState(
        matrix="X",
        state="counts",
        n_vars=len(genes),
        total_median=2000.0,
        target_sum=None,
        log_base=None,
        minimum=0.0,
        maximum=90.0,
        zero_share=0.9,
        detail=detail,
        n_sampled=n_obs,
        n_empty=0,
    )
    spaces = {"symbol": len(genes), "alias": 0, "ensembl": 0, "unmapped": 0}
    gene_map = GeneMap(organism, genes, np.array(genes, object), spaces, {"human": 8, "mouse": 0})
    return InputCheck(
        states=(state,),
        matrix="X",
        state=state,
        reason=f"Read X: {detail}",
        gene_map=gene_map,
        gene_key="var_names",
        organism=organism,
        n_obs=n_obs,
        notes=(),
    )


@pytest.fixture
def make_result() -> Callable[..., AnnotationResult]:
    """Build a result: cells and clusters go round over the types given."""

    def make(
        n_cells: int = 40,
        n_clusters: int | None = 4,
        types: tuple[tuple[str, str, tuple[str, ...]], ...] = TYPES,
        *,
        genes: tuple[str, ...] = GENES,
        organism: str = "human",
        file_genes: tuple[str, ...] | None = None,
        prefix: str = "",
        path: str = "/data/cells.h5ad",
        **changes: Any,
    ) -> AnnotationResult:
        rng = np.random.default_rng(0)
        group = np.arange(n_cells) % (n_clusters or len(types))
        kind = group % len(types)
        clusters = []
        for number in range(n_clusters or 0):
            name, cl_id, evidence = types[number % len(types)]
            call = Call(name, cl_id, 0.9 if cl_id else 0.3, "T cell", 0.05)
            status = "named" if cl_id else "unknown"
            size = int((group == number).sum())
            clusters.append(
                ClusterAnswer(f"{prefix}{number}", size, call, status, 0.95, evidence, ("CD3E",))
            )
        names = np.array([types[k][0] for k in kind], object)
        fields = {
            "cell_type": names,
            "ontology_term_id": np.array([types[k][1] for k in kind], object),
            "confidence": np.array([0.9 if types[k][1] else 0.3 for k in kind], np.float32),
            "per_cell": names.copy(),
            "cluster": None
            if n_clusters is None
            else np.array([f"{prefix}{number}" for number in group], object),
            "embedding": rng.normal(size=(n_cells, 4)).astype(np.float32),
            "clusters": clusters,
            "classes": tuple(cl_id for _, cl_id, _ in types if cl_id),
            "check": make_check(organism, file_genes or genes, n_cells, "whole numbers."),
            "params": {"seed": 0},
            "provenance": RunRecord(
                command="bioseq annotate",
                options={"key_added": "bioseq"},
                seed=0,
                model="bioseq-default 1",
                inputs={"path": path},
                time="2026-11-22T20:01:02+00:00",
            ).to_json(),
            "sketch": SketchView(
                np.arange(n_cells),
                sparse.csr_matrix(rng.poisson(0.8, (n_cells, len(genes))).astype(np.float32)),
                np.array(genes, object),
                rng.normal(size=(n_cells, 2)),
            ),
        }
        return AnnotationResult(**(fields | changes))

    return make
