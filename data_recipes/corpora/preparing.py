"""A corpus from its recipe: whole, with its manifest, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_folder
from biosequence.errors import InputError, UsageError
from biosequence.extras import EXTRAS, require

from .job import Job
from .manifest import write_manifest
from .pool import all_cores
from .recipe import Value
from .registry import get_recipe
from .sources import Sources


def prepare_corpus(
    name: str,
    output: str | Path,
    *,
    source: str | Path | Sequence[str | Path] = (),
    options: Mapping[str, Value] | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Make a corpus, and return its manifest.

    Parameters
    ----------
    name
        Of the recipe.
    output
        The folder to make; it appears when it is whole.
    source
        Files or folders to read; none: they are downloaded.
    options
        Of the recipe, by name.
    workers
        Processes; None: one for each core. The corpus is the same whatever their number.

    Raises
    ------
    UsageError
        If there is no such recipe or option, or a source is needed.
    InputError
        If a source cannot be used, or the output exists or cannot be written.
    MissingExtraError
        If the recipe needs a part that is not installed.
    RemoteError
        If a download fails.
    """
    recipe = get_recipe(name)
    settings = recipe.settings(options or {})
    if workers is not None and workers < 1:
        raise UsageError(
            f"{workers} workers cannot work.", where="--workers", fix="Give 1 or more."
        )
    for module in EXTRAS[recipe.extra] if recipe.extra else ():
        require(recipe.extra, module)
    given = (source,) if isinstance(source, str | Path) else tuple(source)
    sources = Sources(recipe, given)
    with atomic_folder(output) as partial:
        job = Job(recipe, sources, partial, settings, workers or all_cores())
        recipe.prepare(job)
        if not any(path.is_file() for path in partial.rglob("*")):
            raise InputError(
                "Nothing of the source went into the corpus.",
                where=", ".join(str(path) for path in given),
                fix=f"Check that it is what the recipe {name!r} reads.",
            )
        return write_manifest(
            partial,
            {
                "recipe": recipe.name,
                "version": recipe.version,
                "kind": recipe.kind,
                "licence": recipe.licence,
                "citation": recipe.citation,
                "split": recipe.split,
                "options": settings,
                "sources": sources.record,
                "counts": job.counts,
                **job.notes,
            },
        )
