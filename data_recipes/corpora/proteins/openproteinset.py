"""OpenProteinSet: families of homologs, for models that read them as context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from biosequence.errors import InputError, UsageError

from ..job import Job
from ..pool import map_batches
from ..recipe import CorpusRecipe, Option, SourceFile
from ..splits.fractions import SPLIT_OPTIONS, Fractions, assign_groups, place_of_key
from ..splits.homology import homology_clusters
from .families import (
    A3M,
    ARCHIVE,
    INDEX,
    MEMMAP,
    Family,
    Memmap,
    a3m_name,
    first_sequence,
    protein_tokenizer,
    read_families,
    unpacked,
)

LISTS = {
    "train": "cluster_training_set.txt",
    "validation": "cluster_validation_set.txt",
    "test": "cluster_testing_set.txt",
}
FAMILIES = "families.tsv"
# Alignments read by one process at a time.
_BATCH = 8


def prepare(job: Job) -> None:
    """Every sequence of every alignment as a document, its family as its group."""
    fractions = Fractions.of(job.options)
    with job.scratch() as scratch:
        names, queries, families = _opened(job, scratch)
        splits = _published(job, names) if job.options["split"] == "published" else None
        if splits is None:
            splits = _by_relation(job, names, queries, fractions, scratch)
        repeats = unknown = left_out = used = 0
        with job.shards(protein_tokenizer()) as shards:
            for number, family in enumerate(families()):
                split = splits[number]
                if not split:
                    left_out += 1
                    continue
                for ids in family.documents:
                    shards.add(split, ids, number)
                used += 1
                repeats, unknown = repeats + family.repeats, unknown + family.unknown
    _name_families(job.folder / FAMILIES, names, splits)
    job.counts |= {
        "families": {
            split: sum(one == split for one in splits) for split in ("train", "validation", "test")
        },
        "families_not_in_lists": left_out,
        "repeats_left_out": repeats,
        "unknown_letters": unknown,
    }


def _name_families(path: Path, names: list[str], splits: list[str]) -> None:
    """A table of what the numbers of groups mean."""
    with path.open("w", encoding="utf-8") as handle:
        handle.write("group\tname\tsplit\n")
        for number, (name, split) in enumerate(zip(names, splits, strict=True)):
            if split:
                handle.write(f"{number}\t{name}\t{split}\n")


Opened = tuple[list[str], Callable[[], Iterator[str]], Callable[[], Iterator[Family]]]


def _opened(job: Job, scratch: Path) -> Opened:
    """Names of all families, their queries, and the families themselves in the same order."""
    data, index = job.sources.find(MEMMAP), job.sources.find(INDEX)
    if data is not None and index is not None:
        memmap = Memmap(data, index)
        job.notes["memmap_end"] = "last token" if memmap.inclusive else "behind the last token"
        numbers = range(len(memmap))
        return (
            memmap.names,
            lambda: map(memmap.query, numbers),
            lambda: map(memmap.family, numbers),
        )
    paths = job.sources.matching(*(f"*{end}" for end in (*A3M, *ARCHIVE)))
    names: list[str] = []
    queries: list[str] = []
    for path in paths:
        for one in _files(path, scratch):
            names.append(a3m_name(str(one)))
            queries.append(first_sequence(one))
    return names, lambda: iter(queries), lambda: _families(job, paths, scratch)


def _files(path: Path, scratch: Path) -> Iterator[Path]:
    if path.name.endswith(ARCHIVE):
        yield from unpacked(path, scratch)
    elif path.name.endswith(A3M):
        yield path
    else:
        raise InputError(
            "This is neither an alignment nor an archive of alignments.",
            where=str(path),
            fix=f"Give {', '.join((*A3M, *ARCHIVE))}, or a folder with {MEMMAP} and {INDEX}.",
        )


def _families(job: Job, paths: list[Path], scratch: Path) -> Iterator[Family]:
    alone = [str(path) for path in paths if not path.name.endswith(ARCHIVE)]
    if len(alone) == len(paths):
        yield from map_batches(read_families, alone, workers=job.workers, batch=_BATCH)
        return
    for path in paths:
        for one in _files(path, scratch):
            yield from read_families([str(one)])


def _by_relation(
    job: Job,
    names: list[str],
    queries: Callable[[], Iterator[str]],
    fractions: Fractions,
    scratch: Path,
) -> list[str]:
    """Families whose queries are related go together."""
    clusters = homology_clusters(queries(), scratch)
    weights = np.bincount(clusters, minlength=1)
    keys = [b""] * len(weights)
    for cluster, query in zip(clusters.tolist(), queries(), strict=True):
        keys[cluster] = keys[cluster] or place_of_key(query).to_bytes(8, "little")
    of_cluster = assign_groups(keys, weights.tolist(), fractions)
    job.counts["clusters_of_families"] = len(weights)
    return [of_cluster[cluster] for cluster in clusters.tolist()]


def _published(job: Job, names: list[str]) -> list[str]:
    """The split of each family in the published lists; "" for one that they do not have."""
    found: dict[str, str] = {}
    for split, name in LISTS.items():
        text = job.sources.file(name, always=True).read_text(encoding="utf-8")
        for family in text.replace(",", " ").split():
            if found.setdefault(family, split) != split:
                raise InputError(
                    f"The family {family!r} is in two lists.", where=name, fix="Correct the lists."
                )
    splits = [found.get(name, "") for name in names]
    if not any(splits):
        raise UsageError(
            "None of the families is in the published lists.",
            where="option split=published",
            fix="Give the alignments of the lists, or split=homology.",
        )
    return splits


_LISTS_AT = "https://raw.githubusercontent.com/ml-jku/Prot-xLSTM/main/data"
RECIPE = CorpusRecipe(
    name="openproteinset",
    summary="Families of homologs from a3m alignments or the published memmap.",
    kind="protein",
    version="1",
    licence="CC BY 4.0",
    citation="Ahdritz et al. 2023, arXiv:2308.05326; split lists: Schmidinger et al. 2024, "
    "arXiv:2411.04165",
    split="By family; families with related queries go together and fill test and validation in "
    "the order of a hash. split=published: the lists of Prot-xLSTM.",
    prepare=prepare,
    files=tuple(
        SourceFile(f"{_LISTS_AT}/{name}", name, size=size)
        for name, size in zip(LISTS.values(), (2_675_750, 1_956, 5_028), strict=True)
    ),
    inputs=("*.a3m[.gz]", "*.tar[.gz] of them", f"{MEMMAP} with {INDEX}"),
    options=SPLIT_OPTIONS
    | {
        "split": Option(
            "homology", "By related families, or as published.", ("homology", "published")
        ),
    },
)
