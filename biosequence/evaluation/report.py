"""One table out of every suite: JSON for machines, markdown for people, and what to draw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report.

    Parameters
    ----------
    name
        Key in the rows.
    title
        Head of the column in markdown.
    form
        How a value is written in markdown.
    interval
        Also write the values of ``NAME_low`` and ``NAME_high`` behind it.
    """

    name: str
    title: str
    form: str = "{}"
    interval: bool = False

    def text(self, row: Row) -> str:
        """The cell of a row; a dash where there is no value.

        Examples
        --------
        >>> column = Column("mcc", "MCC", "{:.3f}", interval=True)
        >>> column.text({"mcc": 0.5, "mcc_low": 0.4, "mcc_high": 0.6}), column.text({})
        ('0.500 (0.400 to 0.600)', '-')
        """
        value = row.get(self.name)
        if value is None:
            return "-"
        text = self.form.format(value).replace("|", "\\|").replace("\n", " ")
        low, high = row.get(f"{self.name}_low"), row.get(f"{self.name}_high")
        if self.interval and low is not None and high is not None:
            text += f" ({self.form.format(low)} to {self.form.format(high)})"
        return text


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn of a report.

    Parameters
    ----------
    kind
        "bar": a bar a row; "line": a line a group, in the order of the rows.
    label
        Column that names rows.
    value
        Column of numbers; its ``_low`` and ``_high`` become error bars.
    group
        Column whose values get colours of their own, such as the model.
    title
        Axis of the values.
    axis
        Axis of the labels, for lines.
    without
        Label of a row that is not drawn, such as the one that sums up the others.
    """

    kind: str
    label: str
    value: str
    title: str
    group: str | None = None
    axis: str = ""
    without: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a suite.

    Parameters
    ----------
    suite
        Name of the suite.
    title
        A line above the table.
    columns
        Columns of the markdown table, in order; JSON has all keys of the rows.
    rows
        One a task, assay, bin or figure.
    summary
        The few numbers that stand for all.
    plot
        What is drawn.
    notes
        What a reader must know to use the numbers.
    provenance
        What they were made with, as :class:`~biosequence.provenance.RunRecord` holds it.
    """

    suite: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    summary: Mapping[str, Any]
    plot: Plot
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; numbers that are not finite become None, which JSON can hold."""
        return _plain(
            {
                "suite": self.suite,
                "title": self.title,
                "summary": self.summary,
                "columns": [column.name for column in self.columns],
                "rows": list(self.rows),
                "notes": list(self.notes),
                "provenance": self.provenance,
            }
        )

    def to_json(self) -> str:
        """The report as JSON, with a line end."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The report as a page: title, table, summary, notes and what it was made with."""
        lines = [f"# {self.title}", "", *_table(self.columns, self.rows), ""]
        if self.summary:
            lines += [f"- {name}: {_shown(value)}" for name, value in self.summary.items()]
            lines.append("")
        for note in self.notes:
            lines += [note, ""]
        made = {name: value for name, value in self.provenance.items() if value not in ("", {})}
        if made:
            lines += ["## Made with", ""]
            lines += [f"- {name}: {_shown(value)}" for name, value in made.items()]
            lines.append("")
        return "\n".join(lines).rstrip("\n") + "\n"


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    yield_rows = [[column.text(row) for column in columns] for row in rows]
    head = "| " + " | ".join(column.title for column in columns) + " |"
    return [
        head,
        "|" + "---|" * len(columns),
        *("| " + " | ".join(cells) + " |" for cells in yield_rows),
    ]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return "-" if value is None else str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int):
        return value
    return str(value)
