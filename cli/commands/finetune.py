"""`bioseq finetune`: a trained model and data in, a run's folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Session
from ..help import Command
from ..options import output_switches
from ..training_options import run_training

SECTIONS = {
    "What is learnt": ("task", "validation", "label", "sequence", "lora", "output", "resume"),
    "How long and how fast": ("steps", "batch_size", "length", "learning_rate", "patience"),
    "How it runs": ("changes", "deepspeed", "device", "seed", "json", "quiet", "debug"),
}


@click.command("finetune", cls=Command, sections=SECTIONS)
@click.argument("model", metavar="MODEL")
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--task",
    type=click.Choice(
        [
            "classification",
            "regression",
            "causal-lm",
            "masked-lm",
            "cell-classification",
            "cell-identification",
        ]
    ),
    required=True,
    help="Labels or numbers of whole sequences, tokens as in pretraining, or labels of cells.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder of the run; the model is in DIR/model.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Data to watch; without it, a part of labelled DATA.",
)
@click.option("--label", "--label-key", metavar="NAME", help="Column of labels.")
@click.option("--sequence", metavar="NAME", help="Column of sequences.")
@click.option(
    "--lora",
    type=click.IntRange(min=1),
    metavar="RANK",
    help="Train adapters of this rank instead of all weights.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Updates of the weights.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    metavar="N",
    help="Sequences of an update, on each device.",
)
@click.option(
    "--length",
    type=click.IntRange(min=2),
    default=1024,
    show_default=True,
    metavar="N",
    help="Most tokens of a sequence.",
)
@click.option(
    "--learning-rate",
    type=float,
    default=3e-4,
    show_default=True,
    metavar="RATE",
    help="Highest rate; it rises and falls.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N evaluations without a lower loss, and keep the best model.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the output folder.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the recipe, such as optimizer.clip=0.5; may be given again.",
)
@click.option(
    "--deepspeed",
    metavar="PRESET-or-FILE",
    help="zero1, zero2, zero3, zero2-offload, zero3-offload, or a JSON file.",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="auto, cpu, cuda, cuda:1 or mps.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of everything random.",
)
@output_switches
@click.pass_obj
def command(session: Session, resume: bool, deepspeed: str | None, **given: Any) -> None:
    """Train a trained model further, for a task.

    MODEL is a folder or an id on the Hugging Face hub. DATA is a .csv, .tsv or FASTA file with
    labels, a folder of token shards, or for the tasks of cells a file such as .h5ad. The
    recipe of the run is written to DIR/recipe.toml.
    """
    from biosequence.training import finetune_recipe

    columns = {name: given.pop(name) for name in ("label", "sequence")}
    changes = (f'run.device="{given.pop("device")}"', *given.pop("changes"))
    recipe = finetune_recipe(
        **given,
        objective={name: value for name, value in columns.items() if value is not None},
        overrides=changes,
    )
    run_training(session, recipe, resume=resume, deepspeed=deepspeed)
