"""`bioseq embed`: sequences or cells in, vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from biosequence.errors import UsageError

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches
from ..sequence_options import model_options

SECTIONS = {
    "What is written": ("output", "resume"),
    "Which vectors": ("layer", "pool", "strands"),
    "How cells are read": ("gene_key", "organism"),
    "How it runs": ("device", "batch_size", "chunk", "json", "quiet", "debug"),
}
# Options that only one of the two knows.
SEQUENCES = {"pool": "--pool", "strands": "--strands", "chunk": "--chunk", "resume": "--resume"}
CELLS = {"gene_key": "--gene-key", "organism": "--organism"}


@click.command("embed", cls=Command, sections=SECTIONS)
@click.argument("model", metavar="MODEL")
@click.argument("input", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="The file to write: .npz, .h5ad or .parquet; of cells .h5ad, or .zarr for .zarr.",
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option(
    "--layer",
    metavar="N-or-NAME",
    help="Of a sequence model: 0 is the token embedding, N the output of block N, -1 (the default) "
    "the last one, normed. Of cells, which matrix: auto (the default), X, raw or a layer's name.",
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
@click.option("--gene-key", metavar="COLUMN", help="Column of var with the gene names or ids.")
@click.option(
    "--organism",
    type=click.Choice(["auto", "human", "mouse"]),
    default="auto",
    show_default=True,
    help="auto looks at the gene names.",
)
@model_options
@output_switches
@click.pass_context
def command(context: click.Context, model: str, input: Path, **given: Any) -> None:
    """Turn sequences or cells into vectors.

    MODEL is a folder with a sequence model, and INPUT a FASTA file (SMILES for models of
    molecules). Or MODEL is a LangCell model, and INPUT a file of cells as for annotate: the output
    then is a copy of it with the vectors in obsm, under X_bioseq.
    """
    from cellmodels.models.langcell.folder import is_langcell

    asked = {
        name for name in given if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    session: Session = context.obj
    with steady_output(session):
        if is_langcell(model):
            _refuse(asked & SEQUENCES.keys(), SEQUENCES, "a model of cells")
            summary = _embed_cells(model, input, given, asked)
            line = f"{summary['cells']:,} cells, vectors of {summary['width']:,}"
        else:
            _refuse(asked & CELLS.keys(), CELLS, "a model of sequences")
            summary = _embed_sequences(model, input, given)
            line = (
                f"{summary['records']:,} records, {summary['rows']:,} vectors of "
                f"{summary['width']:,}"
            )
    session.say(f"{line}: {summary['output']}")
    session.result(summary)


def _embed_sequences(model: str, input: Path, given: dict[str, Any]) -> dict[str, Any]:
    from biosequence import inference

    settings = {name: given[name] for name in (*SEQUENCES, "batch_size")}
    loaded = inference.load_model(model, device=given["device"])
    layer = -1 if given["layer"] is None else _number(given["layer"])
    return inference.embed_file(loaded, input, given["output"], layer=layer, **settings)


def _embed_cells(model: str, input: Path, given: dict[str, Any], asked: set[str]) -> dict[str, Any]:
    from cellmodels.annotate.options import AnnotateOptions
    from cellmodels.embedding import embed_file

    settings = {name: given[name] for name in (*CELLS, "device")}
    # Rows that are read at once; sequences are longer, and have a smaller default.
    if "batch_size" in asked:
        settings["batch_size"] = given["batch_size"]
    options = AnnotateOptions(model=model, layer=given["layer"] or "auto", **settings)
    return embed_file(input, given["output"], options)


def _number(layer: str) -> int:
    try:
        return int(layer)
    except ValueError as error:
        raise UsageError(
            f"{layer!r} is no number of a layer.",
            where="--layer",
            fix="Give 0 for the token embedding, N for the output of block N, or -1.",
        ) from error


def _refuse(names: set[str], spellings: dict[str, str], what: str) -> None:
    if names:
        raise UsageError(
            f"{spellings[min(names)]} says nothing to {what}.",
            where="bioseq embed",
            fix="Leave it out.",
        )
