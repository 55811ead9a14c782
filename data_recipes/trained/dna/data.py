"""The data of the experiment: corpora, and the rows that every method reads."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioseq_recipes.corpora import prepare_corpus

from biosequence.atomic import atomic_folder
from biosequence.evaluation.tables import LabelledTable, read_split


def prepare_data(source: Path, output: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make what is not there yet: `genomes/`, `promoters/` and `rows/`; returns their counts.

    Parameters
    ----------
    source
        Folder with dna_genomes.fa.gz and dna_promoter_251bp.csv.gz.
    output
        Where they go.
    settings
        Numbers of rows, and the seed that draws them.
    """
    from bioseq_recipes.corpora import read_manifest

    for name, pattern in (("genomes", "dna_genomes.*"), ("promoters", "dna_promoter*")):
        if not (output / name / "manifest.json").is_file():
            found = sorted(source.glob(pattern)) or [source / pattern]
            prepare_corpus(name, output / name, source=found, workers=1)
    if not (output / "rows").is_dir():
        with atomic_folder(output / "rows") as partial:
            for split in ("train", "validation", "test"):
                rows = read_split(output / "promoters", split)
                rows = rows.sample(settings[f"{split}_rows"], settings["seed"])
                _write(partial / f"{split}.csv", rows)
    return {name: read_manifest(output / name)["counts"] for name in ("genomes", "promoters")}


def _write(path: Path, rows: LabelledTable) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("sequence", "label"))
        writer.writerows(zip(rows.sequences, rows.labels, strict=True))
