"""The folder of a run: what is written at its beginning, and whether it may be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..atomic import atomic_path
from ..errors import InputError, UsageError
from ..provenance import PACKAGES, RunRecord, package_versions
from .checkpoints import checkpoint_steps, remove_partial
from .recipe import load_recipe, recipe_changes, recipe_text, recipe_values
from .recipe_tables import Recipe
from .run_log import METRICS

RECIPE = "recipe.toml"
_PACKAGES = (*PACKAGES, "accelerate", "deepspeed", "peft", "safetensors", "tensorboard")


class RunFolder:
    """Places in the folder of a run.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model"
        self.adapter = self.path / "adapter"

    @property
    def finished(self) -> bool:
        """Whether the final model is there, which is written last."""
        return (self.model / "config.json").is_file()

    @property
    def begun(self) -> bool:
        """Whether a step was taken; a run that failed before may be started anew."""
        metrics = self.path / METRICS
        return metrics.is_file() and metrics.stat().st_size > 0

    def check(self, recipe: Recipe, *, resume: bool) -> None:
        """Refuse a folder that holds something else than this run, or this run by surprise.

        Raises
        ------
        InputError
            It holds a run, or files of another kind.
        UsageError
            The run to go on with was of another recipe.
        """
        held = (self.path / RECIPE).is_file()
        if held and not self.begun:
            return
        if held and not resume:
            raise InputError(
                "The output folder holds a run already.",
                where=str(self.path),
                fix="Give --resume to go on with it, or --set output=ANOTHER.",
            )
        if not held:
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise InputError(
                    "The output folder exists and is not empty.",
                    where=str(self.path),
                    fix="Name a new folder with --set output=ANOTHER.",
                )
            return
        changes = recipe_changes(load_recipe(self.path / RECIPE), recipe)
        if changes:
            raise UsageError(
                f"The recipe is not that of the run: {'; '.join(changes)}.",
                where=str(self.path / RECIPE),
                fix="Resume with the recipe as it was, or give --set output=ANOTHER.",
            )

    def check_data(self, manifest: Mapping[str, Any]) -> None:
        """Refuse to go on with other data than the run began with.

        Raises
        ------
        InputError
            A checksum has changed.
        """
        path = self.path / "data.json"
        before = json.loads(path.read_text(encoding="utf-8"))
        now = json.loads(json.dumps(manifest, default=str))
        changed = sorted(name for name in {*before, *now} if not _alike(before, now, name))
        if changed:
            raise InputError(
                f"The data are not those that the run began with: {', '.join(changed)}.",
                where=str(path),
                fix="Bring the data back as they were, or begin anew with --set output=ANOTHER.",
            )

    def begin(
        self, recipe: Recipe, manifest: Mapping[str, Any], *, device: str, world: int
    ) -> None:
        """Write recipe, environment and what is known of the data; remove a killed run's rests."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        remove_partial(self.checkpoints)
        record = RunRecord(
            command="bioseq train",
            options=recipe_values(recipe) | {"processes": world},
            seed=recipe.seed,
            device=device,
            versions=package_versions(_PACKAGES),
        )
        self._write("data.json", json.dumps(manifest, indent=2, default=str) + "\n")
        self._write("environment.json", record.to_json() + "\n")
        self._write(RECIPE, recipe_text(recipe))

    def last_step(self) -> int:
        """Step of the last whole checkpoint; 0 where there is none."""
        return max(checkpoint_steps(self.checkpoints), default=0)

    def _write(self, name: str, text: str) -> None:
        with atomic_path(self.path / name) as partial:
            partial.write_text(text, encoding="utf-8")


def _alike(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    a, b = one.get(name), other.get(name)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        # Data may have been moved to another place.
        return all(_alike(a, b, key) for key in {*a, *b} if key != "path")
    return a == b
