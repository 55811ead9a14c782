"""A training recipe: TOML in, checked before anything is loaded, and TOML out again."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError, UsageError
from .deepspeed_presets import check_preset
from .recipe_reading import read_table
from .recipe_tables import Recipe, Stage
from .toml_text import to_toml

# What may change between a run and its resumption: nothing of these moves a weight.
MOVABLE = (
    "output",
    "deepspeed",
    "run.device",
    "run.workers",
    "run.log_every",
    "run.save_every",
    "run.evaluate_every",
    "run.keep",
    "run.batch_size",
    "run.accumulation",
)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a TOML file.

    Parameters
    ----------
    path
        The file.
    overrides
        Changes such as ``"run.steps=100"``; the value is TOML, or plain text where it is none.

    Raises
    ------
    InputError
        The file cannot be read or is no TOML.
    UsageError
        A key is unknown, missing or of another type, or two contradict each other.

    Examples
    --------
    >>> text = '''
    ... output = "run"
    ... [model]
    ... type = "bioxlstm"
    ... [data]
    ... train = "shards"
    ... [objective]
    ... name = "causal-lm"
    ... [run]
    ... steps = 10
    ... '''
    >>> _ = Path("recipe.toml").write_text(text)
    >>> load_recipe("recipe.toml", ["run.batch_size=4"]).run.batch_size
    4
    """
    source = str(path)
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"The recipe cannot be read ({error.strerror}).",
            where=source,
            fix="Name a TOML file.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"The recipe is not TOML: {error}.", where=source, fix="Mend that line."
        ) from error
    return recipe_from_values(values, overrides, source=source)


def recipe_from_values(
    values: Mapping[str, Any], overrides: Sequence[str] = (), *, source: str = "recipe"
) -> Recipe:
    """A recipe from plain nested values, as :func:`load_recipe` reads them from a file.

    Raises
    ------
    UsageError
        As :func:`load_recipe`.
    """
    values = _copied(values)
    for text in overrides:
        _override(values, text)
    recipe = read_table(Recipe, values, "", source)
    _check(recipe, source)
    return recipe


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain nested values, with every default filled in."""
    values = dataclasses.asdict(recipe)
    for table in ("tokenizer", "data", "objective"):
        values[table] |= values[table].pop("options")
    return values


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML, with every default filled in."""
    values = recipe_values(recipe)
    return to_toml({key: value for key, value in values.items() if value not in (None, {})})


def recipe_changes(before: Recipe, after: Recipe) -> list[str]:
    """What differs between two recipes and bears on the result: ``"run.steps: 10 -> 20"``."""
    one, other = _flat(recipe_values(before)), _flat(recipe_values(after))
    return [
        f"{key}: {one.get(key)} -> {other.get(key)}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
        and not any(key == free or key.startswith(f"{free}.") for free in MOVABLE)
    ]


def stages(recipe: Recipe) -> tuple[Stage, ...]:
    """The curriculum's stages; one stage of `run.length` where there is none."""
    if recipe.curriculum is None or not recipe.curriculum.stages:
        return (Stage(from_step=0, length=recipe.run.length),)
    return recipe.curriculum.stages


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _override(values: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    *tables, last = key.strip().split(".")
    if not equals or not last:
        raise UsageError(
            f"{text!r} sets nothing.", where="--set", fix="Write --set run.steps=100, for example."
        )
    for name in tables:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise UsageError(
                f"{name} in {key!r} is no table.", where="--set", fix="Name a key of a table."
            )
    try:
        values[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = value.strip()


def _check(recipe: Recipe, source: str) -> None:
    """What no single key can know."""
    model, run = recipe.model, recipe.run
    ways = [name for name in ("preset", "pretrained", "type") if getattr(model, name)]
    problems = {
        "The table [model] is to name exactly one of preset, pretrained and type.": len(ways) != 1,
        "[tokenizer] is to give a name or a folder, not both.": bool(
            recipe.tokenizer.name and recipe.tokenizer.folder
        ),
        "schedule.warmup_steps is to be less than run.steps.": (
            recipe.schedule.warmup_steps >= run.steps
        ),
        "[deepspeed] is to give a preset or a file, not both.": bool(
            recipe.deepspeed and recipe.deepspeed.preset and recipe.deepspeed.file
        ),
    }
    for what, wrong in problems.items():
        if wrong:
            raise UsageError(what, where=source, fix="Change the recipe or give --set.")
    if recipe.deepspeed and recipe.deepspeed.preset:
        check_preset(recipe.deepspeed.preset)
    _check_stages(stages(recipe), run.length * run.batch_size, source)


def _check_stages(found: tuple[Stage, ...], tokens: int, source: str) -> None:
    starts = [stage.from_step for stage in found]
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise UsageError(
            "The stages of [curriculum] are to begin at step 0 and go on in order.",
            where=source,
            fix="Sort them by from_step; the first has from_step = 0.",
        )
    for stage in found:
        if tokens % stage.length:
            raise UsageError(
                f"A step of {tokens:,} tokens cannot be cut into sequences of {stage.length:,}.",
                where=f"{source}: curriculum.stages",
                fix="Choose lengths that divide run.length times run.batch_size.",
            )


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{path}{name}"
        if isinstance(value, Mapping):
            found |= _flat(value, f"{key}.")
        elif value is not None:
            found[key] = list(value) if isinstance(value, tuple) else value
    return found
