"""`make demo`: annotate scanpy's packaged blood cells and compare with the published labels."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path("demo")
LABELS = "bulk_labels"
# The published labels are names of sorted populations; this is what each means.
MEANING = {
    "CD14+ Monocyte": "CL:0001054",
    "CD19+ B": "CL:0000236",
    "CD34+": "CL:0008001",
    "CD4+/CD25 T Reg": "CL:0000792",
    "CD4+/CD45RA+/CD25- Naive T": "CL:0000895",
    "CD4+/CD45RO+ Memory": "CL:0000897",
    "CD56+ NK": "CL:0000623",
    "CD8+ Cytotoxic T": "CL:0000625",
    "CD8+/CD45RA+ Naive Cytotoxic": "CL:0000900",
    "Dendritic": "CL:0000451",
}


@dataclass(frozen=True)
class Agreement:
    """How far the answers for some cells agree with one published type."""

    n_cells: int
    exact: int
    """Cells answered with the published type or a finer one."""
    lineage: int
    """Cells answered within the published type's lineage."""


def agreement(published: str, answers: Iterable[str]) -> Agreement:
    """Compare ontology ids with the published one; an empty id (Unknown) never agrees."""
    from cellmodels.ontology import cell_ontology

    ontology = cell_ontology()
    lineage = ontology.roll_up(published, "lineage")
    counts = Counter(answers)
    known = {answer: n for answer, n in counts.items() if answer in ontology}
    return Agreement(
        n_cells=counts.total(),
        exact=sum(n for answer, n in known.items() if ontology.is_a(answer, published)),
        lineage=sum(
            n for answer, n in known.items() if ontology.roll_up(answer, "lineage") == lineage
        ),
    )


def write_input(folder: Path) -> tuple[Path, pd.Series]:
    """Write the cells without any published label; the file, and the labels kept apart."""
    import scanpy as sc

    cells = sc.datasets.pbmc68k_reduced()
    labels = cells.obs[LABELS].astype(str)
    cells.obs = cells.obs[["n_genes", "percent_mito"]].copy()
    cells.uns = {}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pbmc68k_reduced.h5ad"
    cells.write_h5ad(path)
    labels.to_csv(folder / "published_labels.csv")
    return path, labels


def table(labels: pd.Series, types: pd.Series, ids: pd.Series) -> tuple[list[list[str]], Agreement]:
    """Rows of text, one for each published label, and the agreement over all cells."""
    rows, totals = [], []
    for label in sorted(MEANING):
        here = (labels == label).to_numpy()
        found = agreement(MEANING[label], ids[here])
        top = Counter(types[here]).most_common(2)
        totals.append(found)
        rows.append(
            [
                label,
                str(found.n_cells),
                ", ".join(f"{name} ({n})" for name, n in top),
                f"{found.exact / found.n_cells:.0%}",
                f"{found.lineage / found.n_cells:.0%}",
            ]
        )
    overall = Agreement(*(sum(values) for values in zip(*map(_numbers, totals), strict=True)))
    return rows, overall


def _numbers(found: Agreement) -> tuple[int, int, int]:
    return found.n_cells, found.exact, found.lineage


def main() -> None:
    """Run the demo in the current folder; ends with the exit code of `bioseq annotate`."""
    import anndata
    from rich.console import Console
    from rich.table import Table

    source, labels = write_input(FOLDER)
    output = FOLDER / "pbmc68k_reduced.annotated.h5ad"
    command = ["annotate", str(source), "-o", str(output)]
    click.echo(f"$ bioseq {' '.join(command)}")
    done = subprocess.run([sys.executable, "-m", "bioseq_cli", *command], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    obs = anndata.read_h5ad(output, backed="r").obs.loc[labels.index]
    rows, overall = table(
        labels,
        obs["bioseq_cell_type"].astype(str),
        obs["bioseq_cell_type_ontology_term_id"].astype(str),
    )
    page = Table("published label", "cells", "answers", "exact or finer", "lineage")
    for row in rows:
        page.add_row(*row)
    console = Console(width=max(Console().width, 110))
    console.print(page)
    click.echo(f"exact or finer  {overall.exact / overall.n_cells:.3f} of {overall.n_cells} cells")
    click.echo(f"lineage         {overall.lineage / overall.n_cells:.3f}")
    click.echo(f"annotated file  {output}")
    click.echo(f"report          {output.with_suffix('.html')}")


if __name__ == "__main__":
    main()
