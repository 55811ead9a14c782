"""Peak memory does not grow with the number of cells, but for the few numbers kept of each."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from cellmodels.genes import gene_table

FEW, MANY = 8_000, 32_000
GENES, STORED = 2_000, 400
# Embedding, components and answers of a cell; its stored values alone are 3,200 bytes.
KEPT = 2_000

ANNOTATE = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from cellmodels.annotate import AnnotateOptions, annotate_file, clusters

    # The sample of cells that clusters are made of is full in both files.
    clusters.SKETCH = 2_000
    annotate_file(sys.argv[1], AnnotateOptions(output=Path(sys.argv[2]), report=False))
    # The peak in rusage is the parent's where that is higher.
    status = Path("/proc/self/status").read_text()
    print(1024 * int(status.split("VmHWM:")[1].split()[0]))
    """
)


@pytest.fixture(scope="module")
def cells() -> ad.AnnData:
    """Noise of the right shape: 400 of 2,000 genes in each cell."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, GENES // STORED, (MANY, STORED)) + np.arange(0, GENES, GENES // STORED)
    values = rng.integers(1, 9, places.size).astype(np.float32)
    ends = np.arange(0, places.size + 1, STORED)
    counts = sparse.csr_matrix((values, places.ravel(), ends), shape=(MANY, GENES))
    table = gene_table("human")
    genes = [gene for gene in table.symbols if table.gene_class(gene) == "coding"][:GENES]
    names = [f"cell{number}" for number in range(MANY)]
    return ad.AnnData(counts, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=genes))


def peak(cells: ad.AnnData, folder: Path) -> int:
    """Most bytes that a process of its own took to annotate these cells."""
    path = folder / f"{cells.n_obs}.h5ad"
    cells.write_h5ad(path)
    done = subprocess.run(
        [sys.executable, "-c", ANNOTATE, str(path), str(path.with_suffix(".out.h5ad"))],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_annotate_peak_memory_does_not_grow_with_cells(cells, tmp_path):
    few, many = peak(cells[:FEW], tmp_path), peak(cells, tmp_path)
    print(few, many, (many - few) / (MANY - FEW))
    assert many - few < KEPT * (MANY - FEW), f"{few / 1e6:.0f} MB, then {many / 1e6:.0f} MB"
