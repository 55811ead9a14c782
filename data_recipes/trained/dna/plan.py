"""What is trained: four models, each pre-trained once and fine-tuned in several ways."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from biosequence.training import Recipe, recipe_from_values

NAMES = {"xlstm": "DNA-xLSTM", "caduceus": "BiMamba"}
"""How tables call the two families; with `-rc`, weights are shared between both strands."""


def read_plan(*, quick: bool) -> dict[str, Any]:
    """The plan beside this file; `quick`: the same with everything small."""
    values = tomllib.loads(files(__package__).joinpath("plan.toml").read_text(encoding="utf-8"))
    small = values.pop("quick")
    return _over(values, small) if quick else values


@dataclass(frozen=True)
class Model:
    """One of the four models.

    Parameters
    ----------
    family
        Key of the plan's models.
    both_strands
        Whether its weights are shared between both strands.
    """

    family: str
    both_strands: bool

    @property
    def name(self) -> str:
        """Its name in files."""
        return f"{self.family}-rc" if self.both_strands else self.family

    @property
    def title(self) -> str:
        """Its name in tables."""
        if self.family == "caduceus" and self.both_strands:
            return "Caduceus (RC BiMamba)"
        return f"{NAMES[self.family]}, RC" if self.both_strands else NAMES[self.family]


@dataclass(frozen=True)
class Finetuning:
    """One fine-tuning.

    Parameters
    ----------
    model
        Of which model.
    pretrained
        From its pre-trained weights, or from new ones.
    flips
        Whether half of the training sequences are read from the other strand.
    seed
        Of the run.
    """

    model: Model
    pretrained: bool
    flips: bool
    seed: int

    @property
    def group(self) -> str:
        """Its name without the seed."""
        start = "pretrained" if self.pretrained else "scratch"
        return f"{self.model.name}-{start}{'-flips' if self.flips else ''}"

    @property
    def name(self) -> str:
        """Its name in files."""
        return f"{self.group}-seed{self.seed}"


def models(plan: Mapping[str, Any]) -> list[Model]:
    """The four models."""
    return [Model(family, both) for family in plan["models"] for both in (False, True)]


def finetunings(plan: Mapping[str, Any]) -> Iterator[Finetuning]:
    """All fine-tunings, one seed after the other, what is compared most first.

    A model of both strands answers alike for either: flips would change nothing.
    """
    for seed in plan["seeds"]["finetune"]:
        for pretrained, flips in ((True, True), (False, True), (True, False)):
            for model in models(plan):
                if flips or not model.both_strands:
                    yield Finetuning(model, pretrained, flips and not model.both_strands, seed)


def pretraining_recipe(plan: Mapping[str, Any], model: Model, data: Path, output: Path) -> Recipe:
    """The recipe of a pre-training on shards of genomes."""
    values = _over(
        plan["pretrain"],
        {
            "output": str(output),
            "model": _new(plan, model),
            "data": {"train": str(data / "train"), "validation": str(data / "validation")},
        },
    )
    return recipe_from_values(values)


def finetuning_recipe(
    plan: Mapping[str, Any], run: Finetuning, data: Path, output: Path, start: Path
) -> Recipe:
    """The recipe of a fine-tuning; `start` holds the pre-trained weights."""
    model = {"pretrained": str(start)} if run.pretrained else _new(plan, run.model)
    values = _over(
        plan["finetune"],
        {
            "seed": run.seed,
            "output": str(output),
            "model": model,
            "data": {"train": str(data / "train.csv"), "validation": str(data / "validation.csv")},
            "objective": {"reverse_complement": 0.5 if run.flips else 0.0},
        },
    )
    return recipe_from_values(values)


def _new(plan: Mapping[str, Any], model: Model) -> dict[str, Any]:
    config = dict(plan["models"][model.family]["config"])
    return {"type": config.pop("type"), "config": config | {"rcps": model.both_strands}}


def _over(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        key: _over(one, {}) if isinstance(one, Mapping) else one for key, one in values.items()
    }
    for key, one in changes.items():
        both = isinstance(one, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _over(found[key], one) if both else one
    return found
