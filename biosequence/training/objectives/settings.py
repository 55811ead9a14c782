"""Keys of a recipe as a frozen dataclass, checked before anything is read."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ...errors import UsageError

T = TypeVar("T")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the data of a run lie.

    Parameters
    ----------
    train
        A folder of token shards, or a table, to train on.
    validation
        The same, to watch; None: none, or a part of `train` where the objective can split.
    """

    train: str
    validation: str | None = None


def settings_from(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    """A dataclass of settings from the keys of a recipe.

    Parameters
    ----------
    kind
        The dataclass; its `__post_init__` may check values.
    given
        Keys and values.
    where
        Part of the recipe, for messages.

    Raises
    ------
    UsageError
        On a key that does not exist (similar ones are named), one that is missing, or a value of
        another type.

    Examples
    --------
    >>> settings_from(DataSettings, {"train": "shards"}, "[data]").validation is None
    True
    >>> settings_from(DataSettings, {"trian": "shards"}, "[data]")
    Traceback (most recent call last):
    ...
    biosequence.errors.UsageError: There is no key 'trian'.
    [data]
    Did you mean 'train'?
    """
    hints = get_type_hints(kind)
    known = [entry.name for entry in fields(kind)]
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            raise UsageError(
                f"There is no key {name!r}.",
                where=where,
                fix=f"Did you mean {near[0]!r}?"
                if near
                else f"Keys: {', '.join(known) or 'none'}.",
            )
        if not _fits(value, hints[name]):
            raise UsageError(
                f"{name} = {value!r} is not possible.",
                where=f"{where}, key {name}",
                fix=f"Give {_described(hints[name])}.",
            )
    for entry in fields(kind):
        needed = entry.default is MISSING and entry.default_factory is MISSING
        if needed and entry.name not in given:
            raise UsageError(
                f"The key {entry.name!r} is missing.", where=where, fix=f"Add {entry.name} = ..."
            )
    return kind(**{name: _frozen(value) for name, value in given.items()})


def check_fraction(name: str, value: float, *, where: str = "[objective]") -> None:
    """Refuse a value outside 0 to 1.

    Raises
    ------
    UsageError
        If it is.
    """
    if not 0 <= value <= 1:
        raise UsageError(
            f"{name} = {value} is not possible.",
            where=f"{where}, key {name}",
            fix="Give a number from 0 to 1.",
        )


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin in (tuple, list):
        inner = get_args(hint)[0]
        return isinstance(value, list | tuple) and all(_fits(one, inner) for one in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    return isinstance(value, hint) if isinstance(hint, type) else True


def _described(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(one) for one in get_args(hint) if one is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(repr(one) for one in get_args(hint))
    if origin in (tuple, list):
        return f"a list, each {_described(get_args(hint)[0])}"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
