"""Plain TOML values into frozen dataclasses, with an error that names the key for all else."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import UsageError

T = TypeVar("T")
_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    bool: "true or false",
    dict: "a table",
    tuple: "a list",
}


def read_table(kind: type[T], values: Any, where: str, source: str) -> T:
    """A dataclass from a TOML table.

    Parameters
    ----------
    kind
        The dataclass.
    values
        What the file says.
    where
        Name of the table, for messages; empty at the top.
    source
        Name of the file, for messages.

    Raises
    ------
    UsageError
        On an unknown, missing, wrongly typed or out-of-range value; the message names it.
    """
    if not isinstance(values, Mapping):
        raise _wrong(source, where, f"is to be a table, not {values!r}", f"Write [{where}].")
    hints = get_type_hints(kind)
    known = {field.name: field for field in dataclasses.fields(kind)}
    rest = next((name for name, field in known.items() if field.metadata.get("rest")), None)
    given: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{where}.{name}" if where else name
        if name not in known or name == rest:
            if rest is None:
                raise unknown_key(name, where, list(known), source)
            given.setdefault(rest, {})[name] = value
            continue
        given[name] = _value(hints[name], value, key, source)
        _check_limits(known[name].metadata, given[name], key, source)
    for name, field in known.items():
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and name not in given:
            key = f"{where}.{name}" if where else name
            raise _wrong(source, key, "is missing", f"Add it, or give it with --set {key}=...")
    return kind(**given)


def unknown_key(name: str, where: str, known: list[str], source: str) -> UsageError:
    """The error for a key that a table does not have; it names the nearest ones."""
    near = get_close_matches(name, known, n=2, cutoff=0.5)
    place = f"table [{where}]" if where else "the top of the recipe"
    choice = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(sorted(known))}."
    return UsageError(f"There is no key {name!r} in {place}.", where=source, fix=choice)


def _value(hint: Any, value: Any, key: str, source: str) -> Any:
    """A value as its annotation says."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        hint = next(one for one in inner if one is not type(None))
        return _value(hint, value, key, source)
    if dataclasses.is_dataclass(hint):
        return read_table(hint, value, key, source)
    if origin is tuple:
        return _list(inner, value, key, source)
    if origin is dict:
        return dict(_typed(dict, value, key, source))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _typed(hint, value, key, source)


def _list(inner: tuple[Any, ...], value: Any, key: str, source: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _expected(tuple, value, key, source)
    if inner[-1] is Ellipsis:
        hints = [inner[0]] * len(value)
    elif len(value) != len(inner):
        raise _wrong(source, key, f"is to have {len(inner)} entries", f"It has {len(value)}.")
    else:
        hints = list(inner)
    return tuple(
        _value(hint, one, f"{key}[{number}]", source)
        for number, (hint, one) in enumerate(zip(hints, value, strict=True))
    )


def _typed(kind: type, value: Any, key: str, source: str) -> Any:
    # In Python true is a whole number; in a recipe it is a mistake.
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise _expected(kind, value, key, source)
    return value


def _check_limits(limits: Mapping[str, Any], value: Any, key: str, source: str) -> None:
    if value is None:
        return
    choices = limits.get("choices")
    if choices and value not in choices:
        near = get_close_matches(value, choices, n=1)
        fix = f"Did you mean {near[0]!r}?" if near else f"Choose one of: {', '.join(choices)}."
        raise _wrong(source, key, f"cannot be {value!r}", fix)
    for name, bad, words in (
        ("least", lambda limit: value < limit, "at least"),
        ("most", lambda limit: value > limit, "at most"),
        ("above", lambda limit: value <= limit, "more than"),
    ):
        if name in limits and bad(limits[name]):
            fix = f"Give {words} {limits[name]}."
            raise _wrong(source, key, f"is to be {words} {limits[name]}, not {value}", fix)


def _expected(kind: type, value: Any, key: str, source: str) -> UsageError:
    what = f"is to be {_WORDS[kind]}, not {value!r}"
    return _wrong(source, key, what, f"Write {key} as {_WORDS[kind]}.")


def _wrong(source: str, key: str, what: str, fix: str) -> UsageError:
    return UsageError(f"The key {key} {what}.", where=source, fix=fix)
