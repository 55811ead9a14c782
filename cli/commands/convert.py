"""`bioseq convert`: a published checkpoint in, a folder that every command opens out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches

FORMATS = (
    "auto",
    "dna-xlstm",
    "prot-xlstm",
    "chem-xlstm",
    "xlstm-large",
    "hf",
    "mamba-ssm",
    "caduceus",
    "protmamba",
    "langcell",
    "geneformer",
)
SECTIONS = {
    "What is written": ("output", "target"),
    "What is read": ("source_format", "slstm_layout", "legacy_rc_head_flip"),
    "How it runs": ("json", "quiet", "debug"),
}


@click.command("convert", cls=Command, sections=SECTIONS)
@click.argument("input", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="The folder to make; it appears when it is whole.",
)
@click.option(
    "--to",
    "target",
    type=click.Choice(["bioseq", "hf"]),
    default="bioseq",
    show_default=True,
    help="hf: transformers' Mamba, Mamba-2, FalconMamba or xLSTM; LangCell's published bundle.",
)
@click.option(
    "--from",
    "source_format",
    type=click.Choice(FORMATS),
    default="auto",
    show_default=True,
    metavar="FORMAT",
    help=f"{', '.join(FORMATS)}. auto looks at the keys.",
)
@click.option(
    "--slstm-layout",
    type=click.Choice(["cuda", "vanilla"]),
    help="What wrote sLSTM weights; published checkpoints: cuda. It cannot be guessed.",
)
@click.option(
    "--legacy-rc-head-flip/--no-legacy-rc-head-flip",
    default=None,
    help="DNA-xLSTM with shared strands: compute what was published (default), or what was meant.",
)
@output_switches
@click.pass_obj
def command(session: Session, input: Path, output: Path, **given: Any) -> None:
    """Open published checkpoints with bioseq and transformers.

    INPUT is a checkpoint file (.ckpt, .pt, .bin, .safetensors), a folder with one or with the
    parts of LangCell, or, with --to hf, a folder of bioseq. What became of every key is printed.
    Nothing that a checkpoint contains is ever run.
    """
    with steady_output(session):
        from biosequence.inference import convert_checkpoint
        from cellmodels.models import register_formats

        register_formats()
        done = convert_checkpoint(input, output, **given)
    for line in done.lines():
        session.say(line)
    session.say(
        f"{done.model_class}, {done.parameters:,} parameters, "
        f"tokenizer {done.tokenizer or 'not known'}: {done.folder}"
    )
    session.result(done.to_dict())
