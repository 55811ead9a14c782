"""ProteinGym: deep mutational scans, checked against the proteins that they mutate."""

from __future__ import annotations

import csv
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from biosequence.errors import InputError
from biosequence.io import read_dms

from ..job import Job
from ..pool import map_batches
from ..recipe import CorpusRecipe, SourceFile
from ..tables import read_table

ARCHIVE = "DMS_ProteinGym_substitutions.zip"
REFERENCE = "DMS_substitutions.csv"
_COLUMNS = ("assay", "protein", "mutants", "multiple", "target_seq")

Assay = tuple[str, str, str]
"""Name, path of its table, protein."""


def prepare(job: Job) -> None:
    """Every assay as a table in `test/`, and `reference.csv` with the proteins."""
    rows = list(read_table(_reference(job), "DMS_id", "DMS_filename", "target_seq"))
    test = job.folder / "test"
    test.mkdir()
    known = {row["DMS_filename"]: row for row in rows}
    present = set(_tables(job, known, test))
    assays = [row for row in rows if row["DMS_filename"] in present]
    if not assays:
        raise InputError(
            "None of the assays of the reference file is here.",
            where=", ".join(map(str, job.sources.given)),
            fix=f"Give {ARCHIVE}, or a folder with its CSV files.",
        )
    work = [
        (row["DMS_id"], str(test / row["DMS_filename"]), row["target_seq"].strip())
        for row in assays
    ]
    mutants = 0
    with (job.folder / "reference.csv").open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(_COLUMNS)
        checked = map_batches(check_assays, work, workers=job.workers, batch=4)
        for row, (count, multiple) in zip(assays, checked, strict=True):
            protein = row.get("UniProt_ID", "")
            table.writerow((row["DMS_id"], protein, count, multiple, row["target_seq"].strip()))
            mutants += count
    job.counts |= {
        "assays": len(assays),
        "assays_missing": len(rows) - len(assays),
        "mutants": mutants,
    }


def check_assays(assays: Sequence[Assay]) -> list[tuple[int, int]]:
    """How many mutants each assay has, and how many of them have several mutations.

    Raises
    ------
    InputError
        If a mutant does not fit the protein.
    """
    found = []
    for _, path, protein in assays:
        count = multiple = 0
        for row in read_dms(path, wild_type=protein):
            count, multiple = count + 1, multiple + (len(row.mutations) > 1)
        found.append((count, multiple))
    return found


def _reference(job: Job) -> Path:
    return job.sources.file(REFERENCE)


def _tables(job: Job, known: dict[str, dict[str, str]], test: Path) -> Iterator[str]:
    """Copy the tables that the reference knows, and name them."""
    archive = job.sources.find(ARCHIVE) if job.sources.given else job.sources.file(ARCHIVE)
    if archive is not None:
        with zipfile.ZipFile(archive) as members:
            for member in members.infolist():
                name = Path(member.filename).name
                if name in known:
                    with members.open(member) as content, (test / name).open("wb") as handle:
                        shutil.copyfileobj(content, handle)
                    yield name
        return
    for root in job.sources.folders():
        for name in known:
            if (root / name).is_file():
                job.sources.add(root / name)
                shutil.copyfile(root / name, test / name)
                yield name


_AT = "https://marks.hms.harvard.edu/proteingym/ProteinGym_v1.3"
RECIPE = CorpusRecipe(
    name="proteingym",
    summary="Deep mutational scans for scoring without training.",
    kind="protein",
    version="1",
    licence="MIT (ProteinGym); assays: see their publications",
    citation="Notin et al. 2023, doi:10.1101/2023.12.07.570727",
    split="All assays are the test: nothing is trained on them.",
    prepare=prepare,
    files=(
        SourceFile(f"{_AT}/{ARCHIVE}", ARCHIVE),
        SourceFile(
            "https://raw.githubusercontent.com/OATML-Markslab/ProteinGym/main/reference_files/"
            f"{REFERENCE}",
            REFERENCE,
        ),
    ),
    inputs=(ARCHIVE + " or a folder with its CSV files", REFERENCE),
)
