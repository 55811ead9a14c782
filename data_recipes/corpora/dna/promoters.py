"""Promoters and other DNA, 251 bases each, as tables for classification."""

from __future__ import annotations

from collections import Counter

from ..job import Job
from ..recipe import CorpusRecipe, Option
from ..splits.fractions import SPLIT_OPTIONS, Fractions, place_of_key, split_of_key
from ..splits.strands import strand_key
from ..tables import read_table


def prepare(job: Job) -> None:
    """A table of labelled sequences as three, equal sequences (either strand) in one of them."""
    fractions = Fractions.of(job.options)
    labels: dict[int, set[str]] = {}
    seen: set[tuple[int, str]] = set()
    found: Counter[str] = Counter()
    per_label: dict[str, Counter[str]] = {}
    with job.tables(("sequence", "label")) as tables:
        for path in job.sources.matching("*promoter*.csv", "*promoter*.csv.gz"):
            for row in read_table(path, "sequence", "label"):
                sequence, label = row["sequence"].strip(), row["label"].strip()
                key = strand_key(sequence)
                split = split_of_key(key, fractions)
                number = place_of_key(key)
                found["rows"] += 1
                if (number, label) in seen:
                    found["duplicates"] += 1
                    continue
                seen.add((number, label))
                known = labels.setdefault(number, set())
                known.add(label)
                tables.add(split, (sequence, label))
                per_label.setdefault(split, Counter())[label] += 1
    contradictions = sum(len(known) > 1 for known in labels.values())
    job.counts |= {
        **found,
        "contradictions": contradictions,
        "labels": {split: dict(sorted(per_label[split].items())) for split in sorted(per_label)},
    }


RECIPE = CorpusRecipe(
    name="promoters",
    summary="Human promoters against other DNA, 251 bases: classification tables.",
    kind="dna",
    version="1",
    licence="that of your file; Genomic Benchmarks is Apache-2.0",
    citation="Gresova et al. 2023, doi:10.1186/s12863-023-01123-8",
    split="By a hash of the sequence or its reverse complement, whichever comes first in the "
    "alphabet; repeats with the same label are left out.",
    prepare=prepare,
    inputs=("*promoter*.csv[.gz] with the columns sequence, label",),
    options=SPLIT_OPTIONS
    | {
        "validation": Option(0.1, "Part of the data for validation."),
        "test": Option(0.1, "Part of the data for the test."),
    },
)
