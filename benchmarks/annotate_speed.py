"""Cells a second of `bioseq annotate`, beside CellTypist with as many classes on the same file.

    python benchmarks/annotate_speed.py --cells 50000 --genes 20000 --rounds 3

Each run is a process of its own, from the file of counts to the annotated file, start and imports
included; the three take turns, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from measured import Run, conditions, run
from synthetic import make_profiles, write_cells

TYPES = 40
BESIDE = ("none", "plain", "both")
PEER = str(Path(__file__).with_name("celltypist_peer.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=50_000)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--beside",
        choices=BESIDE,
        default="both",
        help="CellTypist without majority voting (plain), also with (both), or not at all",
    )
    parser.add_argument("--folder", type=Path, help="for the files; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = compare(Path(folder), given.cells, given.genes, given.rounds, given.beside)
    print(json.dumps(found, indent=1))
    for name, took in found["runs"].items():
        print(
            f"| {name} | {took['seconds']:.1f} | {took['cells_a_second']:,} | {took['peak_gb']} |"
        )


def compare(folder: Path, num_cells: int, num_genes: int, rounds: int, beside: str) -> dict:
    """Median seconds of each program over some rounds, and how they compare."""
    cells, model = folder / "cells.h5ad", folder / "model.pkl"
    write_cells(cells, num_cells, make_profiles(TYPES, num_genes))
    output = str(folder / "out.h5ad")
    peer = [sys.executable, PEER, "run", str(model), str(cells), output]
    ours = [sys.executable, "-m", "bioseq_cli", "annotate", str(cells), "-o", output]
    commands = {"bioseq annotate": [*ours, "--no-report", "--quiet", "--json"]}
    packages = ["anndata", "igraph"]
    if beside != "none":
        run([sys.executable, PEER, "train", str(model)])
        commands["celltypist"] = peer
        packages += ["celltypist", "scanpy", "scikit-learn"]
    if beside == "both":
        commands["celltypist, majority voting"] = [*peer, "--majority"]
    before = conditions(*packages)
    took: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            took[name].append(run(command))
    return {
        "cells": num_cells,
        "genes": num_genes,
        "rounds": rounds,
        "runs": {name: _told(runs, num_cells) for name, runs in took.items()},
        "times_as_fast_as": _ratios(took),
        **before,
    }


def _told(runs: list[Run], num_cells: int) -> dict:
    seconds = median(took.seconds for took in runs)
    said = [json.loads(took.output.splitlines()[-1]) for took in runs]
    inner = [line["annotate_seconds"] for line in said if "annotate_seconds" in line]
    return {
        "seconds": round(seconds, 2),
        "all_seconds": [round(took.seconds, 2) for took in runs],
        "cpu_seconds": round(median(took.cpu_seconds for took in runs), 2),
        "cells_a_second": round(num_cells / seconds),
        "peak_gb": round(max(took.peak_bytes for took in runs) / 1e9, 2),
        **({"annotate_call_seconds": round(median(inner), 2)} if inner else {}),
    }


def _ratios(took: dict[str, list[Run]]) -> dict[str, float]:
    """Median over the rounds of a peer's time by ours, and of its bare annotate call by ours."""
    own, *peers = took
    ratios = {}
    for name in peers:
        pairs = list(zip(took[name], took[own], strict=True))
        ratios[name] = round(median(peer.seconds / ours.seconds for peer, ours in pairs), 2)
        calls = [json.loads(peer.output.splitlines()[-1])["annotate_seconds"] for peer, _ in pairs]
        ratios[f"{name}, its annotate call alone"] = round(
            median(call / ours.seconds for call, (_, ours) in zip(calls, pairs, strict=True)), 2
        )
    return ratios


if __name__ == "__main__":
    main()
