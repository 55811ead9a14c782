"""Both models through the shared trainer, in two stages, from the recipes beside this file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from biosequence.training import TrainSummary, load_recipe, train

from .settings import Settings

STAGES = ("copies", "families")
"""Parts of the data that are trained on, one after the other."""


def train_model(name: str, output: Path, settings: Settings) -> list[TrainSummary]:
    """Train a model, go on with it, or only look it up when its runs are over.

    Simulated families come first: nowhere else is so much of a protein told by so few tokens
    before it.

    Parameters
    ----------
    name
        A recipe: `xlstm` or `mamba`.
    output
        Folder of the experiment, with `data/families` in it.
    settings
        Sizes.

    Returns
    -------
    A summary a stage; the model of the last one is the model.
    """
    first, last = (stage_folder(output, name, stage) for stage in STAGES)
    families = output / "data" / "families"
    common = (f"data.validation={families / 'validation'}", "run.device=cpu", *settings.overrides)
    begin = load_recipe(
        str(files(__package__) / f"{name}.toml"),
        (f"output={first}", f"data.train={families / STAGES[0]}", *common, *settings.first),
    )
    summaries = [train(begin, resume=first.exists())]
    go_on = load_recipe(
        str(files(__package__) / "families.toml"),
        (
            f"output={last}",
            f"model.pretrained={first / 'model'}",
            f"data.train={families / 'train'}",
            *common,
        ),
    )
    return [*summaries, train(go_on, resume=last.exists())]


def stage_folder(output: Path, name: str, stage: str) -> Path:
    """Folder of a model's run on one part of the data."""
    return output / "models" / (name if stage == STAGES[-1] else f"{name}-{stage}")
