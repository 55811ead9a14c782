"""Any proteins, relatives in one split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from biosequence.io import Record, read_fasta
from biosequence.tokenizers import ProteinTokenizer

from ..job import Job
from ..recipe import CorpusRecipe
from ..splits.fractions import SPLIT_OPTIONS, Fractions, assign_groups, place_of_key
from ..splits.homology import homology_clusters


def prepare(job: Job) -> None:
    """Records of FASTA files as protein shards; the group of a document is its cluster."""
    fractions = Fractions.of(job.options)
    paths = job.sources.matching(*PATTERNS)
    keys: list[int] = []
    lengths: list[int] = []

    def letters() -> Iterator[str]:
        for record in _records(paths):
            sequence = _residues(record)
            keys.append(place_of_key(sequence))
            lengths.append(len(sequence))
            yield sequence

    with job.scratch() as scratch:
        clusters = homology_clusters(letters(), scratch)
    splits, repeated = _split(clusters, keys, lengths, fractions)
    # No letter is lost by accident: what the vocabulary lacks is read as unknown, and counted.
    tokenizer = ProteinTokenizer(other="unknown")
    unknown = 0
    with job.shards(tokenizer) as shards:
        numbers = zip(_records(paths), clusters.tolist(), repeated, strict=True)
        for record, cluster, again in numbers:
            if not again:
                ids = tokenizer.encode(_residues(record), dtype=np.uint8, name=record.name)
                unknown += int((ids == tokenizer.vocabulary.role_id("unk")).sum())
                shards.add(splits[cluster], ids, cluster)
    sizes = np.bincount(clusters)
    job.counts |= {
        "records": len(keys),
        "duplicates": int(sum(repeated)),
        "clusters": len(sizes),
        "clusters_of_one": int((sizes == 1).sum()),
        "largest_cluster": int(sizes.max(initial=0)),
        "unknown_letters": unknown,
    }


def _split(
    clusters: np.ndarray, keys: list[int], lengths: list[int], fractions: Fractions
) -> tuple[list[str], list[bool]]:
    """The split of each cluster, and which records repeat an earlier one."""
    count = int(clusters.max(initial=-1)) + 1
    weights = np.zeros(count, dtype=np.int64)
    first = np.full(count, -1, dtype=np.int64)
    seen: set[int] = set()
    repeated = []
    for index, (cluster, key) in enumerate(zip(clusters.tolist(), keys, strict=True)):
        repeated.append(key in seen)
        seen.add(key)
        if first[cluster] < 0:
            first[cluster] = index
        if not repeated[-1]:
            weights[cluster] += lengths[index]
    names = [keys[index].to_bytes(8, "little") for index in first.tolist()]
    return assign_groups(names, weights.tolist(), fractions), repeated


def _residues(record: Record) -> str:
    return record.sequence.removesuffix("*")


def _records(paths: list[Path]) -> Iterator[Record]:
    for path in paths:
        yield from read_fasta(path, duplicates="allow", empty="skip", unnamed="number")


PATTERNS = ("*.fa", "*.fa.gz", "*.faa", "*.faa.gz", "*.fasta", "*.fasta.gz")
RECIPE = CorpusRecipe(
    name="proteins",
    summary="Proteins of yours, relatives in one split.",
    kind="protein",
    version="1",
    licence="that of your files; UniProt is CC BY 4.0",
    citation="that of your files; the clusters follow Linclust, doi:10.1038/s41467-018-04964-5",
    split="By cluster of relatives (shared words, checked without gaps, linked through others); "
    "clusters fill test and validation in the order of a hash, weighed by residues.",
    prepare=prepare,
    inputs=PATTERNS,
    options=SPLIT_OPTIONS,
)
