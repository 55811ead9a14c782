"""The `bioseq` command and the table of what it can do."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import NoReturn

import click

from biosequence import __version__

from .failures import run
from .help import HelpMixin

# A command's line stands here too, so that `bioseq --help` imports no command.
COMMANDS: dict[str, str] = {
    "annotate": "Name the cell types in a file, offline.",
    "cite": "Say how to cite bioseq and what it builds on.",
    "convert": "Open published checkpoints with bioseq and transformers.",
    "data": "Make training corpora of public data, and check them.",
    "doctor": "Check this installation and say how to mend it.",
    "embed": "Turn sequences or cells into vectors.",
    "evaluate": "Put a model to a benchmark and write one table.",
    "finetune": "Train a trained model further, for a task.",
    "generate": "Write DNA, proteins or molecules with a sequence model.",
    "score": "Say how likely sequences, variants or mutations are to a model.",
    "train": "Train a model as a recipe says.",
}


class LazyGroup(HelpMixin, click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".commands.{cmd_name}", package=__package__)
        return module.command

    def command_lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Each command with its line of help."""
        return sorted(COMMANDS.items())


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`bioseq COMMAND --help` explains a command.",
)
@click.version_option(__version__, prog_name="bioseq", message="%(prog)s %(version)s")
def bioseq() -> None:
    """Cell types for your cells, from one command.

    Start with `bioseq annotate cells.h5ad`. It needs no network, no GPU and no account.
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run `bioseq` with these arguments (default: the command line's) and exit."""
    run(bioseq, args)
