"""Options of the commands that run a sequence model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def model_options(function: F) -> F:
    """Add ``--device``, ``--batch-size`` and ``--chunk``."""
    for decorate in (
        click.option(
            "--chunk",
            type=click.IntRange(min=1),
            default=4096,
            show_default=True,
            metavar="N",
            help="Tokens read at once. It changes memory and speed, never the answer.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(min=1),
            default=16,
            show_default=True,
            metavar="N",
            help="Sequences read at once. It changes memory and speed, never the answer.",
        ),
        click.option(
            "--device",
            default="auto",
            show_default=True,
            metavar="DEVICE",
            help="auto, cpu, cuda, cuda:1 or mps.",
        ),
    ):
        function = decorate(function)
    return function
