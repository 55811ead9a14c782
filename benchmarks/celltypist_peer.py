"""CellTypist doing the same job: a file of counts in, an annotated file out.

    python benchmarks/celltypist_peer.py train MODEL          once, for annotate_speed.py
    python benchmarks/celltypist_peer.py run MODEL IN OUT [--majority]

`run` prints one JSON object: seconds of `celltypist.annotate` alone. That reading, normalising and
writing are as fast as the libraries allow is the reader's to see: it is the usual script.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import anndata as ad
import celltypist
import numpy as np
import scanpy as sc
from celltypist.models import Model
from scipy import sparse
from synthetic import make_profiles

from cellmodels.default import load_default

REPLICATES = 2
TARGET = 1e4


def train(path: Path) -> None:
    """Train a model of as many classes as the default model, on its genes, from pseudo-bulks.

    Annotating takes the same time whatever the weights are; only shapes count.
    """
    own = load_default()
    profiles = make_profiles(len(own.classes), 20_000)
    keep = np.isin(profiles.genes, own.genes)
    rng = np.random.default_rng(0)
    bulks = np.repeat(profiles.shares, REPLICATES, axis=0)
    bulks = np.log1p(TARGET * bulks * rng.lognormal(0, 0.3, bulks.shape))[:, keep]
    labels = np.repeat(profiles.types, REPLICATES)
    with warnings.catch_warnings():
        # Columns are a choice of genes, so that rows no longer sum to 10,000.
        warnings.simplefilter("ignore")
        model = celltypist.train(
            bulks.astype(np.float32),
            labels,
            profiles.genes[keep].tolist(),
            check_expression=False,
            use_SGD=True,
            mini_batch=True,
            batch_size=len(bulks) // 2,
            epochs=2,
        )
    model.write(str(path))


def mend_neighbours() -> None:
    """Let scanpy 1.11 take the sparse arrays that scikit-learn and pynndescent return today."""
    from scanpy import neighbors

    whole = neighbors._get_indices_distances_from_sparse_matrix
    neighbors._get_indices_distances_from_sparse_matrix = lambda distances, count: whole(
        sparse.csr_matrix(distances), count
    )


def annotate(model: Path, source: Path, output: Path, majority: bool) -> dict[str, float]:
    """The usual script: read, normalise, annotate, write."""
    mend_neighbours()
    adata = ad.read_h5ad(source)
    sc.pp.normalize_total(adata, target_sum=TARGET)
    sc.pp.log1p(adata)
    loaded = Model.load(str(model))
    started = time.perf_counter()
    found = celltypist.annotate(adata, model=loaded, majority_voting=majority)
    seconds = time.perf_counter() - started
    found.to_adata().write_h5ad(output)
    return {"annotate_seconds": seconds, "classes": len(loaded.cell_types)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("train").add_argument("model", type=Path)
    runner = commands.add_parser("run")
    for name in ("model", "source", "output"):
        runner.add_argument(name, type=Path)
    runner.add_argument("--majority", action="store_true")
    given = parser.parse_args()
    celltypist.logger.set_level("ERROR")
    if given.command == "train":
        train(given.model)
        return
    print(json.dumps(annotate(given.model, given.source, given.output, given.majority)))


if __name__ == "__main__":
    main()
