"""`bioseq score`: how likely sequences, variants and mutations are to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from biosequence.errors import UsageError

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches
from ..sequence_options import model_options

SECTIONS = {
    "What is written": ("output", "resume"),
    "Variants of DNA": ("vcf", "reference", "window"),
    "Mutations of a protein": ("mutations", "wild_type", "context"),
    "How scores are made": ("strands", "masked"),
    "How it runs": ("device", "batch_size", "chunk", "json", "quiet", "debug"),
}
PATH = click.Path(path_type=Path)


@click.command("score", cls=Command, sections=SECTIONS)
@click.argument("model", metavar="MODEL")
@click.argument("input", metavar="[INPUT]", type=PATH, required=False)
@click.option(
    "-o", "--output", type=PATH, required=True, metavar="PATH", help="The table to write (.tsv)."
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--vcf", type=PATH, metavar="FILE", help="Score these variants; needs --reference.")
@click.option("--reference", type=PATH, metavar="FASTA", help="The genome of the variants.")
@click.option(
    "--window",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    metavar="N",
    help="Bases around a variant that the model reads.",
)
@click.option(
    "--mutations",
    type=PATH,
    metavar="FILE",
    help="Score these mutants (A42G:L50P, one a line, or a DMS table); needs --wild-type.",
)
@click.option("--wild-type", type=PATH, metavar="FASTA", help="The protein that was mutated.")
@click.option("--context", type=PATH, metavar="FILE", help="Homologs to read first (a3m or FASTA).")
@click.option(
    "--strands",
    type=click.Choice(["forward", "both"]),
    default="forward",
    show_default=True,
    help="both: the mean with the reverse complement (DNA).",
)
@click.option(
    "--masked",
    is_flag=True,
    help="Ask for each letter while it is hidden; causal protein models fill it in.",
)
@model_options
@output_switches
@click.pass_obj
def command(session: Session, model: str, input: Path | None, **given: Any) -> None:
    """Say how likely sequences, variants or mutations are to a model.

    MODEL is a folder with a sequence language model, INPUT a FASTA file (SMILES for models of
    molecules). Each record gets its log-likelihood and perplexity. Instead of INPUT, --vcf scores
    variants (alternative minus reference), and --mutations scores mutants of a protein (mutant
    minus wild type); negative means less likely.
    """
    task = _task(input, given)
    with steady_output(session):
        from biosequence import inference

        loaded = inference.load_model(model, device=given["device"])
        common = {
            "batch_size": given["batch_size"],
            "chunk": given["chunk"],
            "resume": given["resume"],
        }
        if task == "variants":
            summary = inference.score_vcf(
                _checked(loaded, given["masked"]),
                given["vcf"],
                given["reference"],
                given["output"],
                window=given["window"],
                strands=given["strands"],
                **common,
            )
        elif task == "mutations":
            summary = inference.score_mutation_file(
                loaded,
                given["mutations"],
                given["wild_type"],
                given["output"],
                context=given["context"],
                method=_method(loaded, given["masked"]),
                **common,
            )
        else:
            summary = inference.score_file(
                _checked(loaded, given["masked"]),
                input,
                given["output"],
                strands=given["strands"],
                **common,
            )
    for name, value in summary.items():
        if value is not None and value != {}:
            shown = f"{value:.6g}" if isinstance(value, float) else value
            session.say(f"{name.replace('_', ' ')}: {shown}")
    session.result(summary)


def _task(input: Path | None, given: dict[str, Any]) -> str:
    """What is asked for: "records", "variants" or "mutations".

    Raises
    ------
    UsageError
        Nothing, several things at once, or half of one.
    """
    asked = {"INPUT": input, "--vcf": given["vcf"], "--mutations": given["mutations"]}
    named = [name for name, value in asked.items() if value is not None]
    if len(named) != 1:
        raise UsageError(
            f"{' and '.join(named)} cannot go together." if named else "There is nothing to score.",
            where="bioseq score",
            fix="Give INPUT, or --vcf with --reference, or --mutations with --wild-type.",
        )
    task = {"INPUT": "records", "--vcf": "variants", "--mutations": "mutations"}[named[0]]
    belongs = {"reference": "variants", "wild_type": "mutations", "context": "mutations"}
    for name, owner in belongs.items():
        option = f"--{name.replace('_', '-')}"
        if given[name] is not None and owner != task:
            wanted = "--vcf" if owner == "variants" else "--mutations"
            raise UsageError(
                f"{option} belongs to {wanted}.",
                fix=f"Give the file to score with {wanted} FILE, or leave {option} out.",
            )
        if given[name] is None and owner == task and name != "context":
            raise UsageError(f"{named[0]} needs {option}.", fix=f"Add {option} FASTA.")
    if task == "mutations" and given["strands"] != "forward":
        raise UsageError("Only DNA has two strands.", where="--strands", fix="Leave it out.")
    return task


def _checked(loaded: Any, masked: bool) -> Any:
    from biosequence.inference.score import check_masking

    check_masking(loaded, masked)
    return loaded


def _method(loaded: Any, masked: bool) -> str | None:
    from biosequence.inference.score import is_causal

    return "fill" if masked and is_causal(loaded) else None
