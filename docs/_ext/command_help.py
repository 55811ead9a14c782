"""The directive `command-help`: the options of a command, read from the command itself."""

from __future__ import annotations

import click
from bioseq_cli.main import bioseq
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx


class CommandHelp(Directive):
    """`{command-help} annotate` gives usage, text and sections of options."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        group = click.Context(bioseq, info_name="bioseq")
        command = bioseq.get_command(group, name)
        if command is None:
            raise self.error(f"There is no command {name!r}.")
        content = _page(command, name, group)
        for inner, below in getattr(command, "commands", {}).items():
            context = click.Context(command, info_name=name, parent=group)
            content += _page(below, inner, context)
        return content


def _page(command: click.Command, name: str, parent: click.Context) -> list[nodes.Node]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    content: list[nodes.Node] = [nodes.literal_block(usage, usage, language="text")]
    for paragraph in (command.help or "").split("\n\n"):
        text = " ".join(paragraph.split())
        content.append(nodes.paragraph(text, text))
    for title, rows in command.help_sections(context).items():
        content.append(nodes.rubric(title, title))
        content.append(_definitions(rows))
    return content


def _definitions(rows: list[tuple[str, str]]) -> nodes.definition_list:
    items = nodes.definition_list()
    for spelling, explanation in rows:
        term = nodes.term("", "", nodes.literal(spelling, spelling))
        body = nodes.definition("", nodes.paragraph(explanation, explanation))
        items += nodes.definition_list_item("", term, body)
    return items


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
