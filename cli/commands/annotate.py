"""`bioseq annotate`: cells in, the same cells with names out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from biosequence.errors import UsageError

from ..console import Session, steady_output
from ..help import Command
from ..options import compute_options, output_switches

SECTIONS = {
    "What is written": ("output", "report", "no_report"),
    "How cells are named": (
        "method",
        "tissue",
        "organism",
        "candidates",
        "min_confidence",
        "model",
        "llm",
    ),
    "Clusters": ("cluster_key", "no_cluster"),
    "What is read": ("layer", "gene_key"),
    "How it runs": ("device", "batch_size", "seed", "dask", "json", "quiet", "debug"),
}

EPILOG = """
\b
Exit codes: 0 done, 2 wrong usage, 3 input unusable, 4 model unusable,
            5 optional part missing, 6 remote service failed.
"""


@click.command("annotate", cls=Command, sections=SECTIONS, epilog=EPILOG)
@click.argument("input", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Default: INPUT.annotated.h5ad beside INPUT; .csv for a marker table.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where the HTML report goes. Default: beside the output.",
)
@click.option("--no-report", is_flag=True, help="Write no report.")
@click.option(
    "--method",
    type=click.Choice(["auto", "langcell", "markers", "llm"]),
    default="auto",
    show_default=True,
    metavar="METHOD",
    help="auto (the model that comes with bioseq), langcell (with --model), markers or llm.",
)
@click.option("--tissue", metavar="TEXT", help="Where the cells come from, in plain words.")
@click.option(
    "--organism",
    type=click.Choice(["auto", "human", "mouse"]),
    default="auto",
    show_default=True,
    help="auto looks at the gene names.",
)
@click.option(
    "--candidates",
    metavar="FILE-or-LIST",
    help="Only these cell types: a file with one a line, or a list with commas. langcell takes "
    "any description, even one that is no cell type of an ontology.",
)
@click.option("--cluster-key", metavar="COLUMN", help="Use this clustering of yours.")
@click.option("--no-cluster", is_flag=True, help="Name each cell by itself.")
@click.option(
    "--layer",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Which matrix: auto, X, raw or the name of a layer.",
)
@click.option("--gene-key", metavar="COLUMN", help="Column of var with the gene names or ids.")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="P",
    help="Answer Unknown below this confidence.",
)
@click.option("--llm", metavar="PROVIDER/MODEL", help="Language model for --method llm.")
@click.option(
    "--model",
    metavar="FOLDER",
    help="Another model: LangCell as `bioseq train` or `bioseq convert` wrote it, or a default "
    "model that its recipe made.",
)
@click.option("--dask", metavar="ADDRESS", help="Dask scheduler that shares out the cells.")
@compute_options
@output_switches
@click.pass_obj
def command(session: Session, input: Path, **given: Any) -> None:
    """Name the cell types in a file, offline.

    INPUT is an .h5ad, .zarr or .loom file, a 10x .h5 file, a 10x mtx folder, or a marker table
    (.csv or .tsv with the columns cluster and gene, or cluster and markers). INPUT itself never
    changes: the answer goes to a copy with the names in obs, and to an HTML report.
    """
    settings = _settings(given)
    with steady_output(session):
        from cellmodels.annotate import AnnotateOptions, annotate_file

        summary = annotate_file(input, AnnotateOptions(**settings))
    for line in summary.lines():
        session.say(line)
    session.result(summary.to_dict())


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """The options as `AnnotateOptions` names them.

    Raises
    ------
    UsageError
        Two options contradict each other.
    """
    settings = dict(given)
    if settings["report"] and settings["no_report"]:
        raise UsageError(
            "--report and --no-report contradict each other.", fix="Give only one of them."
        )
    if settings["cluster_key"] and settings["no_cluster"]:
        raise UsageError(
            "--cluster-key and --no-cluster contradict each other.", fix="Give only one of them."
        )
    if settings["llm"] and settings["method"] != "llm":
        raise UsageError("--llm only counts with --method llm.", fix="Add --method llm.")
    if settings.pop("no_report"):
        settings["report"] = False
    settings["cluster"] = not settings.pop("no_cluster")
    settings["candidates"] = _candidates(settings["candidates"])
    return settings


def _candidates(value: str | None) -> str | tuple[str, ...] | None:
    if value is None:
        return None
    # A long list is no file name, and asking for one that long is an error of its own.
    path = Path(value) if len(os.fsencode(value)) < 256 and Path(value).is_file() else None
    lines = _read(path) if path else value.split(",")
    names = tuple(name for line in lines if (name := line.strip()))
    if not names:
        raise UsageError(
            "There is no cell type in the list of candidates.",
            where=f"--candidates {value}",
            fix='Give names or CL ids: --candidates "B cell, CL:0000623".',
        )
    # Only the ontology knows which commas are part of a name.
    return names if path else value


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The list of candidates cannot be read ({type(error).__name__}).",
            where=f"--candidates {path}",
            fix="Give a text file in UTF-8 with one candidate a line.",
        ) from error
