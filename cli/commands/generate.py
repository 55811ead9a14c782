"""`bioseq generate`: a sequence model writes DNA, proteins or molecules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches

SECTIONS = {
    "What is written": ("output", "num", "max_new_tokens"),
    "What it goes on from": ("prompt", "prompts", "context", "infill"),
    "How tokens are drawn": ("temperature", "top_k", "top_p", "min_p", "seed", "constrain"),
    "How it is judged": ("novelty_against",),
    "How it runs": ("resume", "device", "batch_size", "json", "quiet", "debug"),
}

EPILOG = """
\b
To try it offline: bioseq generate demo-chem --num 10 --temperature 0.7

\b
Exit codes: 0 done, 2 wrong usage, 3 input unusable, 4 model unusable,
            5 optional part missing, 6 remote service failed.
"""


@click.command("generate", cls=Command, sections=SECTIONS, epilog=EPILOG)
@click.argument("model", metavar="MODEL")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="FASTA (.fa, .fasta, .fna, .faa), SMILES (.smi, .smiles) or .jsonl. Default: stdout.",
)
@click.option("--prompt", multiple=True, metavar="TEXT", help="A beginning; may be repeated.")
@click.option(
    "--prompts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Beginnings: FASTA, or SMILES for molecules.",
)
@click.option(
    "--num",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Sequences for each prompt.",
)
@click.option(
    "--max-new-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most new tokens of each; with --infill of each span. Default: 256 for DNA, 512 for "
    "proteins, 128 for molecules, twice the length and 8 for a span.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="T",
    help="Below 1 is bolder for the likely, above 1 for the unlikely; 0 takes the likeliest.",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Draw from the N likeliest tokens; 0: from all.",
)
@click.option(
    "--top-p",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=1.0,
    show_default=True,
    metavar="P",
    help="Draw from the fewest likeliest tokens that hold this share of probability.",
)
@click.option(
    "--min-p",
    type=click.FloatRange(min=0, max=1),
    default=0.0,
    show_default=True,
    metavar="P",
    help="Draw from tokens with at least this share of the likeliest one's probability.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed; every sequence draws from its own part of it.",
)
@click.option(
    "--context",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Related proteins (FASTA, .a3m) or example molecules, read before every prompt.",
)
@click.option(
    "--infill",
    metavar="SPANS",
    help="Write these spans of the protein anew: 10-20,35-40, counted from 1.",
)
@click.option("--constrain", is_flag=True, help="Write syntactically whole SMILES only.")
@click.option(
    "--novelty-against",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Known molecules; the share of new ones is reported.",
)
@click.option("--resume", is_flag=True, help="Go on where a run with the same options stopped.")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="auto, cpu, cuda, cuda:1 or mps.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    metavar="N",
    help="Sequences written at once. It changes memory and speed, never a sequence.",
)
@output_switches
@click.pass_obj
def command(session: Session, model: str, **given: Any) -> None:
    """Write DNA, proteins or molecules with a sequence model.

    MODEL is a folder with a causal model and its tokenizer, or demo-chem, a small model of
    molecules that comes with the package. Proteins can be written after their relatives and filled
    in at given spans, molecules after examples; without a prompt the model starts from nothing.
    While it runs, the output gathers in PATH.partial.
    """
    with steady_output(session):
        from biosequence.inference import run_generation

        # With --json stdout is one object, which then holds the sequences too.
        texts: list[str] = []
        emit = texts.append if session.json else lambda text: click.echo(text, nl=False)
        summary = run_generation(_request(model, given), emit)
    if summary.output is not None:
        for line in summary.lines():
            session.say(line)
    elif not (session.quiet or session.json):
        for line in summary.lines():
            click.echo(line, err=True)
    session.result(summary.to_dict() | ({"text": "".join(texts)} if texts else {}))


def _request(model: str, given: dict[str, Any]) -> Any:
    from biosequence.inference import GenerateOptions, GenerateRequest, Sampling

    drawing = {name: given.pop(name) for name in ("temperature", "top_k", "top_p", "min_p")}
    amount = {name: given.pop(name) for name in ("num", "max_new_tokens", "seed", "batch_size")}
    options = GenerateOptions(sampling=Sampling(**drawing), **amount)
    return GenerateRequest(model=model, options=options, **given)
