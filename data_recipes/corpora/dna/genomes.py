"""Any genomes or contigs, each record in one split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from biosequence.io import Record, read_sequences
from biosequence.tokenizers import DNATokenizer

from ..job import Job
from ..recipe import CorpusRecipe
from ..splits.fractions import SPLIT_OPTIONS, Fractions, assign_groups, place_of_key
from ..splits.strands import strand_key


def prepare(job: Job) -> None:
    """Records of FASTA or GenBank files as DNA shards; each is one document."""
    fractions = Fractions.of(job.options)
    paths = job.sources.matching(*PATTERNS)
    groups: dict[bytes, int] = {}
    weights: list[int] = []
    group_of: list[int] = []
    for record in _records(paths):
        # A record that comes again, or its other strand, stays with the first.
        key = place_of_key(strand_key(record.sequence)).to_bytes(8, "little")
        group = groups.setdefault(key, len(groups))
        if group == len(weights):
            weights.append(0)
        weights[group] += len(record)
        group_of.append(group)
        del record
    splits = assign_groups(list(groups), weights, fractions)
    tokenizer = DNATokenizer()
    written: set[int] = set()
    with job.shards(tokenizer) as shards:
        for record, group in zip(_records(paths), group_of, strict=True):
            if group in written:
                continue
            written.add(group)
            ids = tokenizer.encode(record.sequence, dtype=np.uint8, name=record.name)
            shards.add(splits[group], ids)
            del record
    job.counts |= {"records": len(group_of), "duplicates": len(group_of) - len(written)}


def _records(paths: list[Path]) -> Iterator[Record]:
    for path in paths:
        yield from read_sequences(path, duplicates="allow", empty="skip")


PATTERNS = ("*.fa", "*.fa.gz", "*.fna", "*.fna.gz", "*.fasta", "*.fasta.gz", "*.gb", "*.gbk")
RECIPE = CorpusRecipe(
    name="genomes",
    summary="Genomes or contigs of yours, each record in one split.",
    kind="dna",
    version="1",
    licence="that of your files",
    citation="that of your files",
    split="By record: groups of identical records (either strand) fill test and validation in the "
    "order of a hash, weighed by bases; the largest train.",
    prepare=prepare,
    inputs=PATTERNS,
    options=SPLIT_OPTIONS,
)
