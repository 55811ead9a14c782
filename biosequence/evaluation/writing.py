"""A report as three files beside each other: JSON, markdown and a picture."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ..atomic import atomic_path
from .plotting import draw
from .report import Report

ENDINGS = (".json", ".md", ".png")
"""Files of a report."""


def write_report(report: Report, output: str | Path) -> tuple[Path, ...]:
    """Write a report; its files appear together, when all of them are whole.

    Parameters
    ----------
    report
        What to write.
    output
        Name of the files without their endings; an ending of the three is taken off.

    Returns
    -------
    The paths of JSON, markdown and picture.

    Raises
    ------
    InputError
        A file cannot be written.

    Examples
    --------
    >>> from biosequence.evaluation import Column, Plot
    >>> columns = (Column("task", "task"), Column("mcc", "MCC", "{:.2f}"))
    >>> plot = Plot("bar", "task", "mcc", "MCC")
    >>> rows = ({"task": "H3", "mcc": 0.75},)
    >>> report = Report(
    ...     suite="nt", title="NT", columns=columns, rows=rows, summary={}, plot=plot)
    >>> [path.name for path in write_report(report, "result")]
    ['result.json', 'result.md', 'result.png']
    """
    paths = report_paths(output)
    with ExitStack() as stack:
        partials = [stack.enter_context(atomic_path(path)) for path in paths]
        partials[0].write_text(report.to_json(), encoding="utf-8")
        partials[1].write_text(report.to_markdown(), encoding="utf-8")
        draw(report, partials[2])
    return paths


def report_paths(output: str | Path) -> tuple[Path, ...]:
    """Where the files of a report are put."""
    base = Path(output)
    if base.suffix in ENDINGS:
        base = base.with_suffix("")
    return tuple(base.with_name(base.name + ending) for ending in ENDINGS)
