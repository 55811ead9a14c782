"""Peak memory of `bioseq annotate` on a large file: under 2 GB, however many cells there are.

python benchmarks/annotate_memory.py --cells 200000 --genes 30000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from measured import conditions, run
from synthetic import make_profiles, write_cells

LIMIT = 2e9  # bytes
TYPES = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--genes", type=int, default=30_000)
    parser.add_argument("--folder", type=Path, help="for the files; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = measure(Path(folder), given.cells, given.genes)
    print(json.dumps(found, indent=1))
    row = (found["cells"], found["genes"], found["file_gb"], found["seconds"], found["peak_gb"])
    print("| {:,} | {:,} | {:.2f} | {:.0f} | {:.2f} |".format(*row))
    return 0 if found["peak_gb"] * 1e9 < LIMIT else 1


def measure(folder: Path, num_cells: int, num_genes: int) -> dict:
    """Make the file, annotate it in a process of its own, and say what that took."""
    path = folder / "cells.h5ad"
    write_cells(path, num_cells, make_profiles(TYPES, num_genes))
    before = conditions("h5py", "anndata")
    command = ["annotate", str(path), "--no-report", "--quiet", "--json"]
    took = run([sys.executable, "-m", "bioseq_cli", *command])
    summary = json.loads(took.output)
    return {
        "cells": num_cells,
        "genes": num_genes,
        "file_gb": round(path.stat().st_size / 1e9, 2),
        "seconds": round(took.seconds, 1),
        "peak_gb": round(took.peak_bytes / 1e9, 2),
        "clusters": summary["n_clusters"],
        **before,
    }


if __name__ == "__main__":
    sys.exit(main())
