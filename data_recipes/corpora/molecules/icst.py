"""In-context molecule sets of Chem-xLSTM: one line a domain, molecules joined by `.`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from biosequence.errors import InputError
from biosequence.tokenizers import SmilesTokenizer

from ..job import Job
from ..pool import map_batches
from ..recipe import CorpusRecipe, Option, SourceFile
from ..splits.fractions import SPLIT_OPTIONS, Fractions, assign_groups, place_of_key
from ..splits.linking import linked_groups
from ..splits.molecule_scaffolds import canonical_without_scaffolds
from .text import text_lines

PUBLISHED = {"train": "train.zip", "validation": "valid.zip", "test": "test.zip"}
PATTERNS = ("*incontext*.txt", "*incontext*.txt.gz", "*icst*.txt", "*icst*.txt.gz")
# Domains that share more of the smaller one are variants of one set.
_SHARED = 0.5


class Domains(NamedTuple):
    """What is kept of the sets.

    Attributes
    ----------
    keys
        Hash of each kept molecule, uint64 (molecules,).
    owner
        Its domain, int32 (molecules,).
    parts
        The published part of each domain; "" where the source has none.
    """

    keys: np.ndarray
    owner: np.ndarray
    parts: list[str]


def prepare(job: Job) -> None:
    """Every molecule of every domain as a document, its domain as its group."""
    fractions = Fractions.of(job.options)
    found: Counter[str] = Counter()
    with job.scratch() as scratch:
        kept = scratch / "kept.smi"
        domains = _read(job, kept, found)
        count = len(domains.parts)
        if not len(domains.keys):
            raise InputError(
                "There is no molecule in the sets.",
                where=", ".join(map(str, job.sources.given)),
                fix="Give lines of SMILES joined by `.`, one domain a line.",
            )
        common, sizes = _overlaps(domains, count)
        linked = _linked(common, sizes)
        splits = domains.parts
        if not all(splits):
            splits = _by_relation(domains, linked, sizes, fractions)
        # With dirty=keep an entry may hold letters that SMILES does not have.
        policy = "unknown" if job.options["dirty"] == "keep" else "error"
        tokenizer = SmilesTokenizer(other=policy)
        with kept.open(encoding="utf-8") as handle, job.shards(tokenizer) as shards:
            for line, owner in zip(handle, domains.owner.tolist(), strict=True):
                shards.add(splits[owner], tokenizer.encode(line.rstrip("\n")), owner)
    job.counts |= {
        "domains": {
            split: sum(one == split for one in splits) for split in ("train", "validation", "test")
        },
        "groups_of_domains": int(linked.max()) + 1,
        "held_out_molecules_also_in_train": _leaked(domains, splits),
        **found,
    }


def _read(job: Job, kept: Path, found: Counter[str]) -> Domains:
    keys, owner, parts = array("Q"), array("i"), []
    # Answers come in the order of the entries, which is how each finds its domain again.
    asked = array("i")

    def entries() -> Iterator[str]:
        for part, line in _lines(job):
            parts.append(part)
            for entry in line.split("."):
                asked.append(len(parts) - 1)
                yield entry.strip()

    last, seen = -1, set[int]()
    with kept.open("w", encoding="utf-8") as handle:
        answers = map_batches(_judged, entries(), workers=job.workers)
        for number, (entry, molecule, clean) in enumerate(answers):
            domain = asked[number]
            if domain != last:
                last, seen = domain, set()
            text = _chosen(str(job.options["dirty"]), entry, molecule, clean, found)
            if not text:
                continue
            key = place_of_key(molecule or text)
            if key in seen:
                found["duplicates"] += 1
                continue
            seen.add(key)
            keys.append(key)
            owner.append(domain)
            handle.write(f"{text}\n")
    return Domains(
        np.frombuffer(keys, dtype=np.uint64), np.frombuffer(owner, dtype=np.int32), parts
    )


def _judged(entries: list[str]) -> list[tuple[str, str, str]]:
    """Each entry with its canonical form, and its first word where only that is a molecule."""
    first = [entry.split()[0] if entry.split() else "" for entry in entries]
    canonical = [one.smiles for one in canonical_without_scaffolds(first)]
    return [
        (entry, molecule, word if molecule and word != entry else "")
        for entry, word, molecule in zip(entries, first, canonical, strict=True)
    ]


def _chosen(dirty: str, entry: str, molecule: str, clean: str, found: Counter[str]) -> str:
    """The text to keep of an entry; "" for none."""
    found["entries"] += 1
    if not entry:
        found["empty"] += 1
        return ""
    if molecule and not clean:
        return entry
    found["dirty"] += 1
    if dirty == "keep":
        return entry
    if dirty == "clean" and clean:
        return clean
    found["dirty_left_out"] += 1
    return ""


def _lines(job: Job) -> Iterator[tuple[str, str]]:
    """Lines of the sets with their published part."""
    names = {part: job.sources.find(name) for part, name in PUBLISHED.items()}
    if job.sources.given and not any(names.values()):
        for path in job.sources.matching(*PATTERNS):
            yield from (("", line) for line in text_lines(path))
        return
    for part, name in PUBLISHED.items():
        path = names[part] or job.sources.file(name)
        yield from ((part, line) for line in text_lines(path))


def _overlaps(domains: Domains, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Molecules that each pair of domains has in common, (domains, domains), and those of each."""
    from scipy.sparse import csr_array

    _, molecule = np.unique(domains.keys, return_inverse=True)
    ones = np.ones(len(molecule), dtype=np.int64)
    holds = csr_array((ones, (domains.owner, molecule)), shape=(count, int(molecule.max()) + 1))
    common = (holds @ holds.T).toarray()
    return common, common.diagonal()


def _linked(common: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    smaller = np.minimum(sizes[:, None], sizes[None, :])
    first, second = np.nonzero((common > _SHARED * smaller) & (smaller > 0))
    return linked_groups(len(sizes), first, second)


def _by_relation(
    domains: Domains, linked: np.ndarray, sizes: np.ndarray, fractions: Fractions
) -> list[str]:
    """Domains that share most of their molecules go together."""
    weights = np.bincount(linked, weights=sizes).astype(np.int64)
    smallest = np.full(len(weights), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, linked[domains.owner], domains.keys)
    keys = [str(key) for key in smallest.tolist()]
    of_group = assign_groups(keys, weights.tolist(), fractions)
    return [of_group[group] for group in linked.tolist()]


def _leaked(domains: Domains, splits: list[str]) -> int:
    training = np.array([split == "train" for split in splits])[domains.owner]
    held_out = np.unique(domains.keys[~training])
    return int(np.isin(held_out, domains.keys[training]).sum())


_AT = "https://github.com/ml-jku/Chem-xLSTM/raw/main/data/icst"
RECIPE = CorpusRecipe(
    name="icst",
    summary="In-context molecule sets of Chem-xLSTM, domains in one split.",
    kind="molecule",
    version="1",
    licence="Apache-2.0 (the collection); its sources have terms of their own",
    citation="Schmidinger et al. 2024, arXiv:2411.04165",
    split="By domain, as published; a file without parts: domains that share more than half of "
    "the smaller one go together, in the order of a hash, weighed by molecules.",
    prepare=prepare,
    files=(
        SourceFile(f"{_AT}/train.zip", "train.zip"),
        SourceFile(f"{_AT}/valid.zip", "valid.zip", size=454_212),
        SourceFile(f"{_AT}/test.zip", "test.zip", size=290_786),
    ),
    inputs=("train.zip, valid.zip, test.zip", *PATTERNS),
    options=SPLIT_OPTIONS
    | {
        "dirty": Option(
            "drop",
            "Entries that are no molecule: leave out, keep their first word if that is one, or "
            "keep them as they are.",
            ("drop", "clean", "keep"),
        )
    },
)
