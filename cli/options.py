"""Options that several commands share, so that they are spelled and explained alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .console import Session

F = TypeVar("F", bound=Callable[..., Any])


def _switch(name: str, text: str) -> Callable[[F], F]:
    def keep(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Session), name, True)

    return click.option(
        f"--{name}",
        is_flag=True,
        # Eager and not exposed: the switch must hold even when a later option is wrong.
        is_eager=True,
        expose_value=False,
        callback=keep,
        help=text,
    )


def output_switches(function: F) -> F:
    """Add ``--json``, ``--quiet`` and ``--debug``; they set the run's :class:`Session`."""
    for name, text in (
        ("debug", "Show the full traceback when something fails."),
        ("quiet", "Print nothing but errors."),
        ("json", "Print the summary on stdout as one JSON object."),
    ):
        function = _switch(name, text)(function)
    return function


def compute_options(function: F) -> F:
    """Add ``--device``, ``--batch-size`` and ``--seed``."""
    function = click.option(
        "--seed", type=int, default=0, show_default=True, help="Seed of everything random."
    )(function)
    function = click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=4096,
        show_default=True,
        metavar="N",
        help="Cells read at once. It changes memory and speed, never the answer.",
    )(function)
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:1 or mps.",
    )(function)
