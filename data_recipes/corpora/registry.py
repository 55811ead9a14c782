"""Corpus recipes by name."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from biosequence.errors import UsageError

if TYPE_CHECKING:
    from .recipe import CorpusRecipe

# Every module of these holds one recipe, called RECIPE.
_HOMES: dict[str, str] = {
    "census": "cells.census",
    "chembl": "molecules.chembl",
    "genome": "dna.genome",
    "genomes": "dna.genomes",
    "genomic-benchmarks": "dna.genomic_benchmarks",
    "icst": "molecules.icst",
    "moleculenet": "molecules.moleculenet",
    "nt-tasks": "dna.nt_tasks",
    "openproteinset": "proteins.openproteinset",
    "profiles": "cells.profiles",
    "promoters": "dna.promoters",
    "proteingym": "proteins.proteingym",
    "proteins": "proteins.proteins",
}


def recipe_names() -> tuple[str, ...]:
    """Names that :func:`get_recipe` knows.

    Examples
    --------
    >>> "chembl" in recipe_names()
    True
    """
    return tuple(sorted(_HOMES))


def get_recipe(name: str) -> CorpusRecipe:
    """A recipe by name.

    Raises
    ------
    UsageError
        If there is none; the message names similar ones.

    Examples
    --------
    >>> get_recipe("chembl").kind
    'molecule'
    """
    if name not in _HOMES:
        near = get_close_matches(name, _HOMES, n=3, cutoff=0.4)
        raise UsageError(
            f"There is no recipe {name!r}.",
            where=f"known: {', '.join(recipe_names())}",
            fix=f"Did you mean {' or '.join(near)}?" if near else "`bioseq data list` shows all.",
        )
    return import_module(f".{_HOMES[name]}", __package__).RECIPE
