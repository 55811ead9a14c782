"""Both models through the shared trainer, from the recipes beside this file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from biosequence.training import TrainSummary, load_recipe, train

from .settings import Settings


def train_model(name: str, output: Path, settings: Settings) -> TrainSummary:
    """Train a model, go on with it, or only look it up when its run is over.

    Parameters
    ----------
    name
        A recipe: `xlstm` or `mamba`.
    output
        Folder of the experiment, with `data/families` in it.
    settings
        Sizes.
    """
    recipe = load_recipe(
        str(files(__package__) / f"{name}.toml"),
        (
            f"output={output / 'models' / name}",
            f"data.train={output / 'data' / 'families' / 'train'}",
            f"data.validation={output / 'data' / 'families' / 'validation'}",
            "run.device=cpu",
            *settings.overrides,
        ),
    )
    return train(recipe, resume=(output / "models" / name).exists())
