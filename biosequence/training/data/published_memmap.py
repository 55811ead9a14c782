"""The published file of OpenProteinSet tokens (ProtMamba, Prot-xLSTM) as token shards."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ...errors import InputError
from ...tokenizers import ProteinTokenizer
from .shard_writer import ShardWriter
from .token_shards import TokenShards

End = Literal["auto", "inclusive", "exclusive"]
_COLUMNS = ("msa_id", "Start", "End")


class _Family(NamedTuple):
    name: str
    start: int
    stop: int
    line: int


def convert_memmap(
    data: str | Path,
    indices: str | Path,
    folder: str | Path,
    *,
    end: End = "auto",
    families: Collection[str] | None = None,
    source: Mapping[str, Any] | None = None,
) -> TokenShards:
    """Token shards with a group for each family, from the published pair of files.

    The published loader reads `End` as exclusive and the published writer writes it inclusive, so
    that every family loses its last residue there. Here the residue is kept.

    Parameters
    ----------
    data
        The tokens, int8, one family after another, `<cls>` before each sequence.
    indices
        A table with the columns `msa_id`, `Start` and `End`.
    folder
        Where to write the shards.
    end
        Whether `End` is the last token of a family or the one after it; "auto": as the file shows,
        by where the next family begins or the file ends.
    families
        Names of those wanted, for instance of a split; None: all.
    source
        Facts for the manifest.

    Raises
    ------
    InputError
        If a file is missing, a family lies outside the data or does not begin with `<cls>`, or a
        family wanted is not there.
    """
    tokenizer = ProteinTokenizer()
    start_id = tokenizer.vocabulary.role_id("cls")
    tokens = _opened(Path(data))
    table = list(_families(Path(indices), len(tokens), end))
    missing = set(families or ()) - {family.name for family in table}
    if missing:
        raise InputError(
            f"{len(missing):,} families are not in the table, {sorted(missing)[0]!r} among them.",
            where=str(indices),
            fix="Name families of this file.",
        )
    with ShardWriter(folder, tokenizer, source=source) as writer:
        for number, family in enumerate(table):
            if families is not None and family.name not in families:
                continue
            ids = tokens[family.start : family.stop]
            starts = np.flatnonzero(ids == start_id)
            if not len(starts) or starts[0] != 0:
                raise InputError(
                    f"The family {family.name!r} does not begin with <cls>.",
                    where=f"{indices}, line {family.line}",
                    fix="Give the table that belongs to this data file.",
                )
            for sequence in np.split(ids, starts[1:]):
                writer.add(sequence, group=number)
    return TokenShards.open(folder, tokenizer)


def _opened(path: Path) -> np.ndarray:
    try:
        return np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise InputError(
            "The file of tokens is missing or empty.", where=str(path), fix="Check the path."
        ) from error


def _families(path: Path, size: int, end: End) -> Iterator[_Family]:
    rows = sorted(_rows(path), key=lambda row: row.start)
    shift = int(_is_inclusive(rows, size) if end == "auto" else end == "inclusive")
    for row in rows:
        found = row._replace(stop=row.stop + shift)
        if not 0 <= found.start < found.stop <= size:
            raise InputError(
                f"The family {row.name!r} ends at {found.stop:,} of {size:,} tokens.",
                where=f"{path}, line {row.line}",
                fix='Give the table of this data file, or say end="inclusive" or "exclusive".',
            )
        yield found


def _is_inclusive(rows: list[_Family], size: int) -> bool:
    """Where the next family begins tells what `End` means, unless families lie apart."""
    nexts = [row.start for row in rows[1:]] + [size]
    gaps = np.array(nexts) - np.array([row.stop for row in rows])
    inclusive, exclusive = int((gaps == 1).sum()), int((gaps == 0).sum())
    return inclusive >= exclusive


def _rows(path: Path) -> Iterator[_Family]:
    from ...io.text import read_lines, unreadable

    reader = csv.DictReader(line for _, line in read_lines(path))
    if not set(_COLUMNS) <= set(reader.fieldnames or ()):
        what = f"The table has the columns {', '.join(reader.fieldnames or ())}."
        raise unreadable(path, what, f"Give one with {', '.join(_COLUMNS)}.")
    for line, row in enumerate(reader, 2):
        try:
            yield _Family(row["msa_id"], int(row["Start"]), int(row["End"]), line)
        except (TypeError, ValueError) as error:
            what = f"Start {row['Start']!r} or End {row['End']!r} is no whole number."
            raise unreadable(path, what, "Correct the line.", line) from error
