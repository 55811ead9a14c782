"""Help is complete, and cheap: it imports nothing that the page does not need."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from bioseq_cli.main import COMMANDS, bioseq

HEAVY = ("torch", "scanpy", "numpy", "pandas", "anndata", "transformers", "cellmodels")


def loaded_by(*args: str) -> tuple[str, set[str]]:
    """What a command prints, and which heavy modules it had imported at its end."""
    code = (
        "import sys\n"
        "from bioseq_cli.main import main\n"
        "try:\n"
        f"    main({list(args)!r})\n"
        "finally:\n"
        f"    print('\\n@', *(m for m in {HEAVY!r} if m in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    page, _, names = done.stdout.rpartition("@")
    return page, set(names.split())


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["annotate", "--help"], ["cite"]])
def test_a_light_command_imports_nothing_heavy(args: list[str]) -> None:
    page, heavy = loaded_by(*args)
    assert page.strip()
    assert heavy == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_line_in_the_table_is_the_commands_own(name: str) -> None:
    command = bioseq.get_command(click.Context(bioseq), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").split("\n")[0] == COMMANDS[name]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_explained_and_shown(name: str) -> None:
    command = bioseq.get_command(click.Context(bioseq), name)
    assert command is not None
    context = click.Context(command, info_name=name)
    page = command.get_help(context)
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.opts[-1] in page
    placed = [key for keys in command.sections.values() for key in keys]
    assert sorted(placed) == sorted(set(placed))
    assert set(placed) <= {param.name for param in command.params}


def test_help_lists_every_command() -> None:
    page = bioseq.get_help(click.Context(bioseq, info_name="bioseq"))
    for name, line in COMMANDS.items():
        assert name in page
        assert line in page
