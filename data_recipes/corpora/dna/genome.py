"""A reference genome and the intervals that say which part of it is for what."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biosequence.errors import InputError, UsageError
from biosequence.io import read_bed, read_fasta
from biosequence.tokenizers import DNATokenizer

from ..job import SPLITS, Job
from ..recipe import CorpusRecipe, Option, SourceFile

_NAMES = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
FASTA = "hg38.ml.fa.gz"
BED = "human-sequences.bed"


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of one chromosome for one split.

    Attributes
    ----------
    starts, ends
        int64 (windows,), from 0, ends exclusive.
    """

    starts: np.ndarray
    ends: np.ndarray

    def apart_from(self, other: Windows) -> np.ndarray:
        """Which of these share no base with any of the others, bool (windows,)."""
        order = np.argsort(other.starts, kind="stable")
        begins = other.starts[order]
        # The furthest end of all that begin before: enough to know whether one reaches in.
        reach = np.maximum.accumulate(other.ends[order]) if len(order) else other.ends
        before = np.searchsorted(begins, self.ends, side="left")
        free = np.ones(len(self.starts), dtype=bool)
        some = before > 0
        free[some] = reach[before[some] - 1] <= self.starts[some]
        return free

    def only(self, wanted: np.ndarray) -> Windows:
        """Those marked."""
        return Windows(self.starts[wanted], self.ends[wanted])


def windows_of(
    starts: np.ndarray, ends: np.ndarray, length: int, window: int, extend: int
) -> Windows:
    """Intervals cut into windows, moved inside the chromosome at its edges.

    Parameters
    ----------
    starts, ends
        Of the intervals, int64 (intervals,).
    length
        Of the chromosome.
    window
        Bases of a window; a chromosome shorter than that is one window.
    extend
        Bases that every interval gets from its start; 0: as in the file.

    Examples
    --------
    >>> found = windows_of(np.array([0]), np.array([10]), 9, 5, 0)
    >>> found.starts.tolist(), found.ends.tolist()
    ([0, 4], [5, 9])
    """
    last = starts + extend if extend else ends
    counts = np.maximum((last - starts) // window, 1)
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = np.repeat(starts, counts) + steps * window
    begins = np.unique(np.clip(begins, 0, max(0, length - window)))
    return Windows(begins, np.minimum(begins + window, length))


def prepare(job: Job) -> None:
    """Windows of a genome as DNA shards, no base in two splits."""
    fasta, bed = _sources(job)
    window, extend = int(job.options["window"]), int(job.options["extend"])
    if window < 1 or extend < 0 or (extend and extend % window):
        raise UsageError(
            f"window={window} does not divide extend={extend}.",
            where="options window and extend",
            fix="Give a window that the extended interval is a multiple of.",
        )
    intervals = _intervals(bed)
    waiting = set(intervals)
    tokenizer = DNATokenizer()
    dropped: Counter[str] = Counter()
    with job.shards(tokenizer) as shards:
        for record in read_fasta(fasta):
            if record.name not in waiting:
                continue
            waiting.discard(record.name)
            chromosome = _chromosome(intervals[record.name], len(record), window, extend, dropped)
            for split, found in chromosome.items():
                for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True):
                    piece = record.sequence[start:end]
                    if not piece.strip("Nn"):
                        dropped["without a base"] += 1
                        continue
                    shards.add(split, tokenizer.encode(piece, dtype=np.uint8, name=record.name))
            del record
    if waiting:
        raise InputError(
            f"The genome has no sequence {sorted(waiting)[0]!r}, which the intervals name.",
            where=f"{fasta}, {bed}",
            fix="Give the genome that the intervals were made on.",
        )
    job.counts |= {"intervals": sum(map(len, intervals.values())), "dropped": dict(dropped)}


def _sources(job: Job) -> tuple[Path, Path]:
    if not job.sources.given:
        return job.sources.file(FASTA), job.sources.file(BED)
    fasta = job.sources.matching("*.fa", "*.fa.gz", "*.fasta", "*.fasta.gz", loose=False)
    bed = job.sources.matching("*.bed", "*.bed.gz", loose=False)
    for found, what in ((fasta, "genome"), (bed, "BED file")):
        if len(found) > 1:
            raise InputError(
                f"There are {len(found)} files that may be the {what}.",
                where=", ".join(map(str, found)),
                fix="Give each file itself: --source GENOME --source BED.",
            )
    return fasta[0], bed[0]


def _intervals(bed: Path) -> dict[str, list[tuple[str, int, int]]]:
    """Split, start and end of the intervals of each chromosome."""
    found = defaultdict(list)
    for one in read_bed(bed):
        if one.name not in _NAMES:
            raise InputError(
                f"{one.name!r} is no split.",
                where=f"{bed}, {one.chromosome}:{one.start}-{one.end}",
                fix="The fourth column of the intervals is train, valid or test.",
            )
        found[one.chromosome].append((_NAMES[one.name], one.start, one.end))
    return dict(found)


def _chromosome(
    rows: list[tuple[str, int, int]], length: int, window: int, extend: int, dropped: Counter[str]
) -> dict[str, Windows]:
    """The windows of each split, those of training cleared of what is held out."""
    found = {}
    for split in SPLITS:
        own = np.array([row[1:] for row in rows if row[0] == split], np.int64).reshape(-1, 2)
        found[split] = windows_of(own[:, 0], own[:, 1], length, window, extend)
    for split, others in (("validation", ("test",)), ("train", ("validation", "test"))):
        for other in others:
            free = found[split].apart_from(found[other])
            dropped[f"{split} over {other}"] += int((~free).sum())
            found[split] = found[split].only(free)
    return found


RECIPE = CorpusRecipe(
    name="genome",
    summary="A reference genome in windows, split by a BED file (hg38 of Basenji, Caduceus).",
    kind="dna",
    version="1",
    licence="hg38: free to use (UCSC, Genome Reference Consortium); intervals: as published",
    citation="Kelley 2020, doi:10.1371/journal.pcbi.1008050; Schiff et al. 2024, arXiv:2403.03234",
    split="As the fourth column of the BED file says; windows that share a base with validation "
    "or test are taken out of training.",
    prepare=prepare,
    files=(
        SourceFile(f"https://storage.googleapis.com/basenji_barnyard2/{FASTA}", FASTA),
        SourceFile("https://storage.googleapis.com/basenji_barnyard2/sequences_human.bed", BED),
    ),
    inputs=("*.fa[.gz]", "*.bed[.gz] with the columns chromosome, start, end, split"),
    options={
        "window": Option(131_072, "Bases of a document."),
        "extend": Option(
            0, "Bases that every interval gets from its start; DNA-xLSTM: 1048576. 0: as written."
        ),
    },
)
