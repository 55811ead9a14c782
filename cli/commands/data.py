"""`bioseq data`: public data as training corpora."""

from __future__ import annotations

from pathlib import Path

import click

from ..console import Session, steady_output
from ..help import Command, Group
from ..options import output_switches


@click.group("data", cls=Group)
def command() -> None:
    """Make training corpora of public data, and check them.

    `bioseq data list` shows what there is.
    """


@command.command("list", cls=Command)
@output_switches
@click.pass_obj
def list_recipes(session: Session) -> None:
    """Show the corpora that can be prepared."""
    from bioseq_recipes.corpora import get_recipe, recipe_names

    recipes = [get_recipe(name) for name in recipe_names()]
    wide = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        session.say(f"{recipe.name:{wide}}  {recipe.kind:8}  {recipe.summary}")
    session.result({"recipes": [recipe.to_dict() for recipe in recipes]})


@command.command(
    "prepare",
    cls=Command,
    sections={
        "What is written": ("output",),
        "What is read": ("source", "given"),
        "How it runs": ("workers", "json", "quiet", "debug"),
    },
)
@click.argument("name", metavar="NAME")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to make; it appears when it is whole.",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="A folder with the source files, or one of them; may be given again. "
    "Without it they are downloaded, and a download that broke off goes on.",
)
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the recipe; `bioseq data list --json` shows all.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes; one for each core by default. The corpus is the same with any number.",
)
@output_switches
@click.pass_obj
def prepare(
    session: Session,
    name: str,
    output: Path,
    source: tuple[Path, ...],
    given: tuple[str, ...],
    workers: int | None,
) -> None:
    """Make the corpus NAME: train, validation and test, and a manifest.

    Token shards or tables, as the recipe says, with checksums of all that was read and written.
    """
    with steady_output(session):
        from bioseq_recipes.corpora import prepare_corpus

        manifest = prepare_corpus(
            name, output, source=source, options=_options(given), workers=workers
        )
    session.say(f"{manifest['recipe']}: {len(manifest['files'])} files in {output}")
    for key, value in manifest["counts"].items():
        session.say(f"  {key}: {_readable(value)}")
    session.say(f"  licence: {manifest['licence']}")
    told = {key: value for key, value in manifest.items() if key != "files"}
    session.result({"output": str(output), "num_files": len(manifest["files"]), **told})


@command.command("verify", cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@output_switches
@click.pass_obj
def verify(session: Session, folder: Path) -> None:
    """Recompute the checksums of a corpus and name what differs."""
    from biosequence.errors import InputError

    with steady_output(session):
        from bioseq_recipes.corpora import verify_corpus

        found = verify_corpus(folder)
    if not found.whole:
        first = "; ".join(found.differences[:5])
        more = len(found.differences) - 5
        raise InputError(
            f"The corpus is not what its manifest says: {first}"
            + (f"; and {more} more." if more > 0 else "."),
            where=str(folder),
            fix="Prepare it again, or copy it again.",
        )
    session.say(f"{folder}: all {found.files} files are what the manifest says.")
    session.result({"folder": str(folder), "files": found.files, "whole": True})


def _options(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise click.UsageError(f"--set {text}: write it as KEY=VALUE.")
        found[key.strip()] = value.strip()
    return found


def _readable(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_readable(inner)}" for key, inner in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
