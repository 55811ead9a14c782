"""Tables as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from biosequence.atomic import atomic_path

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV without its index (tab-separated where the name ends in .tsv).

    Raises
    ------
    InputError
        If the disk is full or the folder may not be written to.
    """
    separator = "\t" if Path(path).suffix == ".tsv" else ","
    with atomic_path(path) as partial:
        table.to_csv(partial, sep=separator, index=False)
