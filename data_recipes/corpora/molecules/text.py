"""Lines of molecules out of whatever they are packed in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from biosequence.errors import InputError
from biosequence.io import read_smiles
from biosequence.io.text import read_lines

from ..tables import read_table

PATTERNS = ("*.smi", "*.smi.gz", "*smiles*.csv", "*smiles*.csv.gz", "*chemreps.txt.gz")


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a text file, plain, gzipped or the one text of a zip archive; none is empty.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if path.suffix != ".zip":
        yield from (line for _, line in read_lines(path) if line.strip())
        return
    try:
        with zipfile.ZipFile(path) as archive:
            # Archives made on a Mac hold shadows of the files.
            names = [n for n in archive.namelist() if not n.endswith("/") and "__MACOSX" not in n]
            if len(names) != 1:
                fix = "Give an archive of one text file, or the file itself."
                what = f"The archive holds {len(names)} files."
                raise InputError(what, where=str(path), fix=fix)
            with archive.open(names[0]) as member:
                lines = io.TextIOWrapper(member, encoding="utf-8")
                yield from (line.rstrip("\r\n") for line in lines if line.strip())
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        what, fix = f"The archive cannot be read ({error}).", "Copy or download it again."
        raise InputError(what, where=str(path), fix=fix) from error


def molecules(path: Path) -> Iterator[str]:
    """SMILES of a file: a list, a table, a zip archive of a list, or ChEMBL's own table.

    Raises
    ------
    InputError
        If it cannot be read, or has no column of SMILES.
    """
    if "chemreps" in path.name:
        rows = read_table(path, "canonical_smiles", separator="\t")
        yield from (row["canonical_smiles"] for row in rows)
    elif path.suffix == ".zip":
        yield from (line.split()[0] for line in text_lines(path))
    else:
        yield from (record.sequence for record in read_smiles(path, empty="skip"))
