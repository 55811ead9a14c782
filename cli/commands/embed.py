"""`bioseq embed`: sequences in, vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches
from ..sequence_options import model_options

SECTIONS = {
    "What is written": ("output", "resume"),
    "Which vectors": ("layer", "pool", "strands"),
    "How it runs": ("device", "batch_size", "chunk", "json", "quiet", "debug"),
}


@click.command("embed", cls=Command, sections=SECTIONS)
@click.argument("model", metavar="MODEL")
@click.argument("input", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="The file to write: .npz, .h5ad or .parquet.",
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option(
    "--layer",
    type=int,
    default=-1,
    show_default=True,
    metavar="N",
    help="0 is the token embedding, N the output of block N, -1 the last one, normed.",
)
@click.option(
    "--pool",
    type=click.Choice(["mean", "last", "tokens"]),
    default="mean",
    show_default=True,
    help="One vector a record (mean, or at its last token), or one a token.",
)
@click.option(
    "--strands",
    type=click.Choice(["forward", "both"]),
    default="forward",
    show_default=True,
    help="both: the mean with the reverse complement (DNA).",
)
@model_options
@output_switches
@click.pass_obj
def command(session: Session, model: str, input: Path, **given: Any) -> None:
    """Turn sequences into vectors.

    MODEL is a folder with a sequence model, INPUT a FASTA file (SMILES for models of molecules).
    """
    with steady_output(session):
        from biosequence import inference

        loaded = inference.load_model(model, device=given.pop("device"))
        summary = inference.embed_file(loaded, input, given.pop("output"), **given)
    session.say(
        f"{summary['records']:,} records, {summary['rows']:,} vectors of {summary['width']:,}: "
        f"{summary['output']}"
    )
    session.result(summary)
