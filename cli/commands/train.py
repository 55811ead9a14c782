"""`bioseq train`: a recipe in, a run's folder out."""

from __future__ import annotations

from pathlib import Path

import click

from ..console import Session
from ..help import Command
from ..options import output_switches
from ..training_options import run_training

SECTIONS = {
    "What is trained": ("changes", "resume"),
    "How it runs": ("deepspeed", "device", "json", "quiet", "debug"),
}


@click.command("train", cls=Command, sections=SECTIONS)
@click.argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the recipe, such as run.steps=100; may be given again.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the output folder.")
@click.option(
    "--deepspeed",
    metavar="PRESET-or-FILE",
    help="zero1, zero2, zero3, zero2-offload, zero3-offload, or a JSON file.",
)
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps.")
@output_switches
@click.pass_obj
def command(
    session: Session,
    recipe: Path,
    changes: tuple[str, ...],
    resume: bool,
    deepspeed: str | None,
    device: str | None,
) -> None:
    """Train a model as a recipe says.

    RECIPE is a TOML file. For several processes, launch the command with torchrun or deepspeed:
    `torchrun --nproc_per_node 2 -m bioseq_cli train RECIPE --deepspeed zero2`.
    """
    overrides = [*changes, *([f'run.device="{device}"'] if device else [])]
    run_training(session, recipe, resume=resume, deepspeed=deepspeed, overrides=overrides)
