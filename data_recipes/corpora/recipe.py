"""What a corpus recipe is: facts about a source, and a function that prepares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from biosequence.errors import UsageError

if TYPE_CHECKING:
    from .job import Job

Kind = Literal["dna", "protein", "molecule", "cell"]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a recipe reads and where it is published.

    Parameters
    ----------
    url
        Its address.
    filename
        Its name in a folder of sources.
    sha256
        Its checksum; None where the publisher gives none: then the first download records it.
    size
        Its bytes, where known.
    """

    url: str
    filename: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that the user of a recipe has.

    Parameters
    ----------
    default
        Its value unless told otherwise; its type is the option's.
    help
        What it decides.
    choices
        All possible values; none listed: any of the type.
    """

    default: Value
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusRecipe:
    """How one corpus is made.

    Parameters
    ----------
    name
        Its name on the command line.
    summary
        One line for lists.
    kind
        What the corpus is made of.
    version
        Changes when the same source would give another corpus.
    licence, citation
        Of the source.
    split
        The rule by which the parts are told apart, in a sentence.
    prepare
        Reads the sources of a job, writes into its folder.
    files
        What is downloaded when the user has not got it.
    inputs
        Names (with `*`) of files or folders of the user's that the recipe reads.
    options
        What may be chosen.
    extra
        Optional part that the recipe needs; "" for none.
    network
        Whether `prepare` itself speaks to a remote service.
    """

    name: str
    summary: str
    kind: Kind
    version: str
    licence: str
    citation: str
    split: str
    prepare: Callable[[Job], None]
    files: tuple[SourceFile, ...] = ()
    inputs: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    extra: str = ""
    network: bool = False

    def settings(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """All options with their values: those given, else the defaults.

        Parameters
        ----------
        given
            Values by name; text is read as the option's type.

        Raises
        ------
        UsageError
            If there is no such option, or the value is of another type or not among the choices.
        """
        from difflib import get_close_matches

        for name in given:
            if name not in self.options:
                near = get_close_matches(name, self.options, n=1, cutoff=0.4)
                known = ", ".join(sorted(self.options)) or "none"
                raise UsageError(
                    f"The recipe {self.name!r} has no option {name!r}.",
                    where=f"--set {name}=...; options: {known}",
                    fix=f"Did you mean {near[0]}?" if near else "Use one of these.",
                )
        return {
            name: _read(name, option, given.get(name, option.default))
            for name, option in self.options.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "version": self.version,
            "summary": self.summary,
            "licence": self.licence,
            "citation": self.citation,
            "split": self.split,
            "network": self.network,
            "extra": self.extra,
            "files": [
                {"filename": f.filename, "url": f.url, "sha256": f.sha256, "size": f.size}
                for f in self.files
            ],
            "inputs": list(self.inputs),
            "options": {
                name: {"default": option.default, "help": option.help}
                for name, option in self.options.items()
            },
        }


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _read(name: str, option: Option, value: Value) -> Value:
    kind = type(option.default)
    try:
        if kind is bool and isinstance(value, str):
            found: Value = _WORDS[value.lower()]
        else:
            found = kind(value)
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{name}={value} is no {_NAMES[kind]}.",
            where=f"--set {name}={value}",
            fix=f"{option.help} Default: {option.default}.",
        ) from error
    if option.choices and found not in option.choices:
        raise UsageError(
            f"{name}={value} is not possible.",
            where=f"--set {name}={value}",
            fix=f"Give one of {', '.join(option.choices)}.",
        )
    return found


_NAMES = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
