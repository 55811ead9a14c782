"""The downstream tasks of the Nucleotide Transformer as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from biosequence.errors import InputError
from biosequence.io import read_fasta

from ..job import Job
from ..recipe import CorpusRecipe, Option
from ..splits.fractions import Fractions, split_of_key
from ..splits.strands import strand_key
from ..tables import column_names, read_table

_HISTONES = ("H3", "H3K14ac", "H3K36me3", "H3K4me1", "H3K4me2", "H3K4me3", "H3K79me3", "H3K9ac")
# What each task is judged by in the papers.
METRICS: dict[str, str] = {
    **dict.fromkeys((*_HISTONES, "H4", "H4ac", "enhancers", "enhancers_types"), "mcc"),
    **dict.fromkeys(("promoter_all", "promoter_tata", "promoter_no_tata"), "f1"),
    **dict.fromkeys(("splice_sites_acceptors", "splice_sites_donors"), "f1"),
    "splice_sites_all": "accuracy",
}
_ENDS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".fna", ".fna.gz", ".fa", ".fa.gz")


def prepare(job: Job) -> None:
    """A folder of tables for each task."""
    fractions = Fractions(float(job.options["validation"]), 0.0, int(job.options["seed"]))
    found = [
        (place, files)
        for root in job.sources.folders()
        for place in [root, *sorted(path for path in root.iterdir() if path.is_dir())]
        if (files := _parts(place))
    ]
    if not found:
        raise InputError(
            "There is no task here.",
            where=", ".join(map(str, job.sources.given)),
            fix="A task is a folder TASK with train.csv and test.csv (columns sequence, label), "
            "or train.fna and test.fna (headers NAME|LABEL).",
        )
    for place, files in found:
        with job.tables(("sequence", "label"), place.name) as tables:
            for part, path in files.items():
                job.sources.add(path)
                for sequence, label in _rows(path):
                    split = part
                    if part == "train":
                        split = split_of_key(strand_key(sequence), fractions)
                    tables.add(split, (sequence, label))
    job.notes["metrics"] = {place.name: METRICS.get(place.name, "mcc") for place, _ in found}


def _parts(place: Path) -> dict[str, Path]:
    """The files of the published parts; none unless both are there."""
    found = {}
    for part in ("train", "test"):
        path = next((p for end in _ENDS if (p := place / f"{part}{end}").is_file()), None)
        if path is None:
            return {}
        found[part] = path
    return found


def _rows(path: Path) -> Iterator[tuple[str, int]]:
    if any(end in path.name for end in (".csv", ".tsv")):
        named = "label" if "label" in column_names(path) else "labels"
        rows = ((row["sequence"], row[named]) for row in read_table(path, "sequence", named))
    else:
        records = read_fasta(path, duplicates="allow")
        headers = ((r, f"{r.name} {r.description}") for r in records)
        rows = ((r.sequence, header.rpartition("|")[2]) for r, header in headers)
    for number, (sequence, label) in enumerate(rows, 1):
        if not label.strip().isdigit():
            raise InputError(
                f"Sequence {number} has the label {label!r}.",
                where=str(path),
                fix="Labels are whole numbers from 0: a column `label`, or `NAME|LABEL`.",
            )
        yield sequence.strip(), int(label)


RECIPE = CorpusRecipe(
    name="nt-tasks",
    summary="The 18 downstream tasks of the Nucleotide Transformer: classification tables.",
    kind="dna",
    version="1",
    licence="see the dataset's page: InstaDeepAI/nucleotide_transformer_downstream_tasks",
    citation="Dalla-Torre et al. 2024, doi:10.1038/s41592-024-02523-z",
    split="Test as published; validation from the published training part by a hash of the "
    "sequence or its reverse complement.",
    prepare=prepare,
    inputs=("TASK/{train,test}.csv (sequence,label) or .fna (>NAME|LABEL)",),
    options={
        "validation": Option(0.1, "Part of the published training data for validation."),
        "seed": Option(0, "Another number gives another validation part."),
    },
)
