"""Genomic Benchmarks: folders of one sequence a file, with label numbers that never move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from biosequence.errors import InputError
from biosequence.io.text import open_bytes

from ..job import Job
from ..recipe import CorpusRecipe, Option
from ..splits.fractions import Fractions, place_of_key, split_of_key
from ..splits.strands import strand_key

# Names of the class folders in the order of their numbers. Other code numbers them as the file
# system lists them, which may differ between train and test.
LABELS: dict[str, tuple[str, ...]] = {
    "demo_coding_vs_intergenomic_seqs": ("coding_seqs", "intergenomic_seqs"),
    "demo_human_or_worm": ("human", "worm"),
    "drosophila_enhancers_stark": ("negative", "positive"),
    "dummy_mouse_enhancers_ensembl": ("negative", "positive"),
    "human_enhancers_cohn": ("negative", "positive"),
    "human_enhancers_ensembl": ("negative", "positive"),
    "human_ensembl_regulatory": ("enhancer", "ocr", "promoter"),
    "human_nontata_promoters": ("negative", "positive"),
    "human_ocr_ensembl": ("negative", "positive"),
}


def prepare(job: Job) -> None:
    """A folder of tables for each benchmark."""
    fractions = Fractions(float(job.options["validation"]), 0.0, int(job.options["seed"]))
    found = [place for root in job.sources.folders() for place in _benchmarks(root)]
    if not found:
        raise InputError(
            "There is no benchmark here.",
            where=", ".join(map(str, job.sources.given)),
            fix="A benchmark is a folder with train/LABEL/ID.txt and test/LABEL/ID.txt.",
        )
    for place in found:
        _prepare_one(job, place, fractions)


def _benchmarks(root: Path) -> list[Path]:
    candidates = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    return [p for p in candidates if (p / "train").is_dir() and (p / "test").is_dir()]


def _prepare_one(job: Job, place: Path, fractions: Fractions) -> None:
    labels = _labels(place)
    files = [path for split in ("train", "test") for _, path in _files(place, split, labels)]
    job.sources.add_tree(place, files)
    trained: set[int] = set()
    repeated = 0
    with job.tables(("sequence", "label"), place.name) as tables:
        for split in ("train", "test"):
            for label, path in _files(place, split, labels):
                sequence = _sequence(path)
                key = strand_key(sequence)
                if split == "train":
                    trained.add(place_of_key(key))
                    tables.add(split_of_key(key, fractions), (sequence, label))
                else:
                    repeated += place_of_key(key) in trained
                    tables.add("test", (sequence, label))
    job.counts["tables"][place.name]["test_also_in_train"] = repeated
    job.notes.setdefault("labels", {})[place.name] = {
        name: number for number, name in enumerate(labels)
    }


def _labels(place: Path) -> tuple[str, ...]:
    """Class names by number: the table's, or sorted for a benchmark that it does not have."""
    there = {
        split: sorted(path.name for path in (place / split).iterdir() if path.is_dir())
        for split in ("train", "test")
    }
    labels = LABELS.get(place.name, tuple(there["train"]))
    for split, names in there.items():
        if names != sorted(labels):
            raise InputError(
                f"The classes are {', '.join(names) or 'missing'} and should be "
                f"{', '.join(labels)}.",
                where=str(place / split),
                fix="Take the benchmark as it was published, train and test with the same classes.",
            )
    return labels


def _files(place: Path, split: str, labels: tuple[str, ...]) -> Iterator[tuple[int, Path]]:
    for number, name in enumerate(labels):
        for path in sorted((place / split / name).glob("*.txt")):
            yield number, path


def _sequence(path: Path) -> str:
    with open_bytes(path) as handle:
        return b"".join(handle.read().split()).decode("ascii", "replace")


RECIPE = CorpusRecipe(
    name="genomic-benchmarks",
    summary="Genomic Benchmarks: classification tables with fixed label numbers.",
    kind="dna",
    version="1",
    licence="Apache-2.0 (the package genomic-benchmarks; sequences: Ensembl and others)",
    citation="Gresova et al. 2023, doi:10.1186/s12863-023-01123-8",
    split="Test as published; validation from the published training part by a hash of the "
    "sequence or its reverse complement.",
    prepare=prepare,
    inputs=("DATASET/{train,test}/LABEL/ID.txt, as the package genomic-benchmarks unpacks them",),
    options={
        "validation": Option(0.1, "Part of the published training data for validation."),
        "seed": Option(0, "Another number gives another validation part."),
    },
)
