"""The command line is a contract: a flag changes only together with the table beside this test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from bioseq_cli.main import COMMANDS, bioseq

TABLE = Path(__file__).with_name("cli_flags.json")


def commands() -> dict[str, click.Command]:
    """All commands by what is typed; a group gives its own and those below it."""
    context = click.Context(bioseq)
    found = {}
    for name in COMMANDS:
        command = bioseq.get_command(context, name)
        assert command is not None
        found[name] = command
        for inner, below in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = below
    return found


def flags(command: click.Command) -> dict[str, dict[str, Any]]:
    """Each parameter of a command as the table spells it."""
    facts = {}
    for param in command.params:
        spelling = ", ".join([*param.opts, *param.secondary_opts])
        fact: dict[str, Any] = {"type": param.type.name}
        if isinstance(param.type, click.Choice):
            fact["choices"] = list(param.type.choices)
        default = param.to_info_dict().get("default")
        if default is not None and default is not False:
            fact["default"] = default
        if param.required:
            fact["required"] = True
        if getattr(param, "is_flag", False):
            fact = {"flag": True}
        facts[spelling] = fact
    return facts


@pytest.mark.parametrize("name", sorted(commands()))
def test_flags_are_those_of_the_table(name: str) -> None:
    frozen = json.loads(TABLE.read_text(encoding="utf-8"))
    assert flags(commands()[name]) == frozen[name]


def test_the_table_lists_every_command_and_no_other() -> None:
    assert sorted(json.loads(TABLE.read_text(encoding="utf-8"))) == sorted(commands())


def test_a_changed_default_is_caught() -> None:
    option = click.Option(["--seed"], type=int, default=1)
    changed = flags(click.Command("annotate", params=[option]))["--seed"]
    frozen = json.loads(TABLE.read_text(encoding="utf-8"))["annotate"]["--seed"]
    assert changed != frozen
