"""`bioseq evaluate`: a model put to a benchmark, one table out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from biosequence.errors import InputError, UsageError

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches
from ..sequence_options import model_options

SUITES = (
    "genomic-benchmarks",
    "nt",
    "proteingym",
    "molecules",
    "perplexity",
    "in-context",
    "probe",
)
SECTIONS = {
    "What is read and written": ("output", "data", "limit", "seed"),
    "genomic-benchmarks, nt": ("baselines",),
    "genomic-benchmarks, nt, probe": ("strands",),
    "proteingym": ("context", "masked"),
    "molecules": ("train", "num"),
    "probe": ("label", "layer", "pool"),
    "How it runs": ("device", "batch_size", "chunk", "json", "quiet", "debug"),
}
PATH = click.Path(path_type=Path)
# Options of some suites only; a suite says which of them it takes.
OWN = ("baselines", "strands", "context", "masked", "train", "num", "label", "layer", "pool")


@click.command("evaluate", cls=Command, sections=SECTIONS)
@click.argument("suite", metavar="SUITE", type=click.Choice(SUITES))
@click.argument("model", metavar="MODEL")
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    metavar="NAME",
    help="Writes NAME.json, NAME.md and NAME.png.",
)
@click.option(
    "--data",
    type=PATH,
    metavar="PATH",
    help="What the model is judged on: tables, assays, sequences, shards or alignments.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N test rows, mutants, documents or families of each table or file.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of samples, intervals, baselines and written molecules.",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Choice(["kmer", "cnn"]),
    help="Train this on train.csv and judge it too; may be repeated.",
)
@click.option(
    "--strands",
    type=click.Choice(["forward", "both"]),
    default="forward",
    show_default=True,
    help="both: the mean with the reverse complement (DNA).",
)
@click.option(
    "--context", type=PATH, metavar="DIR", help="Alignments ASSAY.a3m, read before the protein."
)
@click.option("--masked", is_flag=True, help="Causal models fill each mutated residue in.")
@click.option(
    "--train",
    type=PATH,
    metavar="PATH",
    help="SMILES (a file or shards) that the model was trained on.",
)
@click.option(
    "--num",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Molecules to write.",
)
@click.option("--label", metavar="COLUMN", help="Column of the label. Default: label, class.")
@click.option(
    "--layer", type=int, default=-1, show_default=True, metavar="N", help="0: token embedding."
)
@click.option(
    "--pool",
    type=click.Choice(["mean", "last"]),
    default="mean",
    show_default=True,
    help="How a sequence becomes one vector.",
)
@model_options
@output_switches
@click.pass_context
def command(ctx: click.Context, suite: str, model: str, output: Path, **given: Any) -> None:
    """Put a model to a benchmark and write one table.

    MODEL is a folder with a sequence model. SUITE is one of: `genomic-benchmarks` and `nt`
    (fine-tuned classifiers; MODEL may hold one model a task), `proteingym` (zero-shot effects of
    mutations), `molecules` (MODEL may be a file of SMILES), `perplexity`, `in-context`, `probe`.
    """
    session = ctx.ensure_object(Session)
    with steady_output(session):
        from biosequence.evaluation import EvaluateRequest, run_suite, write_report
        from biosequence.evaluation.suites import find_suite

        _check_options(ctx, suite, find_suite(suite).takes)
        _check_output(output)
        request = EvaluateRequest(suite=suite, model=model, **given)
        report = run_suite(request, open_shards=_open_shards)
        paths = write_report(report, output)
    for name, value in report.to_dict()["summary"].items():
        shown = f"{value:.6g}" if isinstance(value, float) else "-" if value is None else value
        session.say(f"{name.replace('_', ' ')}: {shown}")
    session.say(f"written: {', '.join(map(str, paths))}")
    session.result({**report.to_dict(), "output": [str(path) for path in paths]})


def _check_options(ctx: click.Context, suite: str, takes: Iterable[str]) -> None:
    """Refuse an option that the suite would not look at.

    Raises
    ------
    UsageError
        There is one.
    """
    for name in OWN:
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in takes:
            option = "--baseline" if name == "baselines" else f"--{name}"
            raise UsageError(
                f"{option} does not belong to the suite {suite}.",
                where="bioseq evaluate",
                fix="Leave it out; `bioseq evaluate --help` says which options a suite has.",
            )


def _check_output(output: Path) -> None:
    """Refuse a name that cannot become three files, before hours are spent."""
    if output.is_dir() or not output.name:
        raise InputError(
            "The output is a folder; the table needs a name in it.",
            where=str(output),
            fix=f"Give -o {output / 'result'}.",
        )


def _open_shards(path: Path) -> Any:
    from biosequence.training.data import TokenShards

    return TokenShards.open(path)
