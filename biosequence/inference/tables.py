"""Tables with tabs that appear when they are whole, and can be resumed when they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .resumable import ResumableRows, fingerprint

Row = dict[str, Any]


class Column(NamedTuple):
    """A column of a table and how its values are written."""

    name: str
    form: str

    def text(self, value: Any) -> str:
        """A value as it stands in the table; nothing for None.

        Examples
        --------
        >>> Column("score", "{:.2f}").text(1.234), Column("score", "{:.2f}").text(None)
        ('1.23', '')
        """
        return "" if value is None else self.form.format(value)


def write_table(
    output: str | Path,
    columns: Sequence[Column],
    rows: Callable[[int], Iterable[Row]],
    *,
    options: Mapping[str, Any],
    files: Sequence[str | Path],
    resume: bool = False,
    each: Callable[[Row], None] | None = None,
    arrange: Callable[[Iterator[Row]], Iterable[Row]] = iter,
) -> None:
    r"""Write a table from rows that take long to make.

    Parameters
    ----------
    output
        The table; it appears when it is whole.
    columns
        Its columns; rows may have other keys too.
    rows
        The rows after the first so many, which are there already.
    options, files
        What decides the result: only a run with the same may go on.
    resume
        Go on where a stopped run was.
    each
        Called with every row of the table, in its order.
    arrange
        Turns the rows as they were made into the rows of the table.

    Raises
    ------
    InputError
        The partial file is of other options or other input, or something cannot be written.

    Examples
    --------
    >>> columns = [Column("n", "{}"), Column("half", "{:.1f}")]
    >>> write_table("t.tsv", columns, lambda done: ({"n": n, "half": n / 2} for n in range(2)),
    ...     options={}, files=())
    >>> Path("t.tsv").read_text()
    'n\thalf\n0\t0.0\n1\t0.5\n'
    """

    def render(found: Iterator[Row]) -> Iterator[str]:
        yield "\t".join(column.name for column in columns) + "\n"
        for row in arrange(found):
            if each is not None:
                each(row)
            yield "\t".join(column.text(row.get(column.name)) for column in columns) + "\n"

    with ResumableRows(output, fingerprint(options, files), resume=resume) as partial:
        for row in rows(partial.count):
            partial.append(row)
        partial.finish(render)
