"""Objectives by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from .settings import DataSettings, settings_from

if TYPE_CHECKING:
    from .objective import Objective

_HOMES: dict[str, str] = {
    "causal-lm": "biosequence.training.objectives.causal_lm:CausalLM",
    "classification": "biosequence.training.objectives.classification:Classification",
    "fim": "biosequence.training.objectives.fim:Fim",
    "in-context": "biosequence.training.objectives.in_context:InContext",
    "masked-lm": "biosequence.training.objectives.masked_lm:MaskedLM",
    "regression": "biosequence.training.objectives.regression:Regression",
    "token-classification": "biosequence.training.objectives.token_labels:TokenClassification",
}


def objective_names() -> tuple[str, ...]:
    """Names that :func:`get_objective` knows.

    Examples
    --------
    >>> "causal-lm" in objective_names()
    True
    """
    return tuple(sorted(_HOMES))


def register_objective(name: str, home: str) -> None:
    """Make an objective known by name; other libraries add theirs.

    Parameters
    ----------
    name
        Its name, which is also the class attribute `name`.
    home
        Where it is, `module:Class`; imported on first use.

    Raises
    ------
    UsageError
        If the name belongs to another class.
    """
    if _HOMES.get(name, home) != home:
        raise UsageError(
            f"The objective name {name!r} is taken by {_HOMES[name]}.",
            where=home,
            fix="Choose another name.",
        )
    _HOMES[name] = home


def get_objective(name: str) -> type[Objective]:
    """The class of a name.

    Raises
    ------
    UsageError
        If there is none; the message names similar ones.

    Examples
    --------
    >>> get_objective("masked-lm").head
    'masked-lm'
    """
    if name not in _HOMES:
        near = get_close_matches(str(name), _HOMES, n=3, cutoff=0.4)
        raise UsageError(
            f"There is no objective {name!r}.",
            where=f"[objective], known: {', '.join(objective_names())}",
            fix=f"Did you mean {' or '.join(near)}?" if near else "Use one of these names.",
        )
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def objective_from_settings(settings: Mapping[str, Any], data: Mapping[str, Any]) -> Objective:
    """The objective of a recipe; nothing is read from disk yet.

    Parameters
    ----------
    settings
        The part `[objective]`: `name`, and keys of that objective.
    data
        The part `[data]`.

    Raises
    ------
    UsageError
        On an unknown name or key (similar ones are named), or a value that is not possible.

    Examples
    --------
    >>> found = objective_from_settings({"name": "causal-lm", "packing": True}, {"train": "x"})
    >>> found.settings.packing, found.data.train
    (True, 'x')
    """
    if "name" not in settings:
        raise UsageError(
            "The objective has no name.",
            where="[objective]",
            fix=f"Add name = ..., one of {', '.join(objective_names())}.",
        )
    kind = get_objective(settings["name"])
    own = {name: value for name, value in settings.items() if name != "name"}
    return kind(
        settings_from(kind.Settings, own, f"[objective] of {settings['name']}"),
        settings_from(getattr(kind, "Data", DataSettings), data, "[data]"),
    )
