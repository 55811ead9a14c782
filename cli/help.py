"""Help pages: options in named sections, set by rich, which loads only when help is asked for."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import click

MAX_WIDTH = 100


class HelpMixin:
    """Replaces click's help page. `sections` names which parameters stand together."""

    def __init__(
        self, *args: Any, sections: Mapping[str, tuple[str, ...]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections or {}

    def get_help(self, ctx: click.Context) -> str:
        """The whole page as text; coloured when stdout is a terminal."""
        from rich.console import Console
        from rich.text import Text

        width = min(shutil.get_terminal_size((MAX_WIDTH, 24)).columns, MAX_WIDTH)
        console = Console(width=width, force_terminal=sys.stdout.isatty(), highlight=False)
        with console.capture() as page:
            usage = " ".join(self.collect_usage_pieces(ctx))
            console.print(Text.assemble(("Usage:", "bold"), f" {ctx.command_path} {usage}"))
            console.print()
            console.print(_prose(self.help or ""))
            for title, rows in self.help_sections(ctx).items():
                console.print()
                console.print(Text(title, style="bold"))
                console.print(_table(rows))
            if self.epilog:
                console.print()
                console.print(_prose(self.epilog))
        return "\n".join(line.rstrip() for line in page.get().rstrip().split("\n"))

    def help_sections(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """Title of each section with its rows of (spelling, explanation)."""
        records = {param.name: _record(param, ctx) for param in self.get_params(ctx)}
        placed = {name for names in self.sections.values() for name in names}
        rest = [name for name in records if name not in placed]
        titles = {**self.sections, "Other": tuple(rest)} if placed else {"Options": tuple(rest)}
        sections = {
            title: [row for name in names if (row := records.get(name))]
            for title, names in titles.items()
        }
        if commands := self.command_lines(ctx):
            sections = {"Commands": commands, **sections}
        return {title: rows for title, rows in sections.items() if rows}

    def command_lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        """The sub-commands with one line each; none for a plain command."""
        return []


class Command(HelpMixin, click.Command):
    """A command with the house's help page."""


class Group(HelpMixin, click.Group):
    """Commands under one name, with the house's help page."""

    def command_lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Each command with the first line of its help."""
        return [
            (name, (self.commands[name].help or "").partition("\n")[0])
            for name in self.list_commands(ctx)
        ]


def _record(param: click.Parameter, ctx: click.Context) -> tuple[str, str] | None:
    if isinstance(param, click.Argument):
        return None
    return param.get_help_record(ctx)


def _table(rows: list[tuple[str, str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, max_width=34)
    table.add_column()
    for spelling, explanation in rows:
        table.add_row(Text(f"  {spelling}", style="cyan"), Text(explanation))
    return table


def _prose(text: str) -> Any:
    """Paragraphs rewrapped, but for those that click marks; back-quoted words set apart."""
    from rich.text import Text

    paragraphs = []
    for paragraph in cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            paragraphs.append(paragraph.removeprefix("\b\n"))
        else:
            paragraphs.append(" ".join(paragraph.split()))
    prose = Text()
    for number, piece in enumerate("\n\n".join(paragraphs).split("`")):
        prose.append(piece, style="cyan" if number % 2 else "")
    return prose
