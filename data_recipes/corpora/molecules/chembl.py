"""Molecules of ChEMBL, or of any list: each once, scaffolds in one split."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from biosequence.errors import InputError
from biosequence.tokenizers import SmilesTokenizer

from ..job import Job
from ..pool import map_batches
from ..recipe import CorpusRecipe, Option, SourceFile
from ..splits.fractions import (
    SPLIT_OPTIONS,
    Fractions,
    assign_groups,
    place_of_key,
    split_of_key,
)
from ..splits.molecule_scaffolds import canonical_molecules, canonical_without_scaffolds
from .text import PATTERNS, molecules

CHEMREPS = "chembl_31_chemreps.txt.gz"
# Held-out parts first: a molecule that is in two of them stays where it tests.
PUBLISHED = {"test": "test", "validation": "valid", "train": "train"}


def prepare(job: Job) -> None:
    """Canonical SMILES as shards."""
    fractions = Fractions.of(job.options)
    rule = job.options["split"]
    found: Counter[str] = Counter()
    seen: set[int] = set()
    groups: dict[int, int] = {}
    group_of = array("i")
    with job.scratch() as scratch:
        kept = scratch / "canonical.smi"
        with kept.open("w", encoding="ascii") as handle:
            for part, texts in _parts(job):
                for smiles, scaffold in _canonical(job, texts, found, rule == "scaffold"):
                    place = place_of_key(smiles)
                    if place in seen:
                        found["duplicates"] += 1
                        continue
                    seen.add(place)
                    handle.write(f"{smiles}\n")
                    key = place_of_key(scaffold) if rule == "scaffold" else part
                    group_of.append(groups.setdefault(key, len(groups)))
        if not group_of:
            raise InputError(
                "No molecule of the source can be read.",
                where=", ".join(map(str, job.sources.given)) or CHEMREPS,
                fix="Give SMILES: one a line, or a table with a column of that name.",
            )
        splits = _splits(job, list(groups), group_of, fractions)
        tokenizer = SmilesTokenizer()
        with kept.open(encoding="ascii") as handle, job.shards(tokenizer) as shards:
            for line, group in zip(handle, group_of, strict=True):
                smiles = line.rstrip("\n")
                split = splits[group] if splits else split_of_key(smiles, fractions)
                shards.add(split, tokenizer.encode(smiles))
    job.counts |= {"molecules": len(group_of), **found}
    if rule == "scaffold":
        job.counts["scaffolds"] = len(groups)
    job.notes["rdkit"] = _rdkit_version()


def _parts(job: Job) -> Iterator[tuple[int, Iterable[str]]]:
    """The lists of molecules, each with the number of its published part (0 where none)."""
    if job.options["split"] == "published":
        for number, name in enumerate(PUBLISHED.values()):
            path = job.sources.find(f"{name}.txt") or job.sources.find(f"{name}.smi")
            yield number, molecules(path or job.sources.file(f"{name}.zip"))
        return
    paths = job.sources.matching(*PATTERNS) if job.sources.given else [job.sources.file(CHEMREPS)]
    for path in paths:
        yield 0, molecules(path)


def _canonical(
    job: Job, texts: Iterable[str], found: Counter[str], scaffolds: bool
) -> Iterator[tuple[str, str]]:
    """Canonical SMILES and scaffold of what can be read."""
    function = canonical_molecules if scaffolds else canonical_without_scaffolds
    for smiles, scaffold in map_batches(function, texts, workers=job.workers):
        found["read"] += 1
        if smiles:
            yield smiles, scaffold
        else:
            found["unreadable"] += 1


def _splits(
    job: Job, keys: list[int], group_of: array[int], fractions: Fractions
) -> list[str] | None:
    """The split of each group; None where each molecule goes by its own hash."""
    if job.options["split"] == "random":
        return None
    if job.options["split"] == "published":
        names = list(PUBLISHED)
        return [names[part] for part in keys]
    weights = np.bincount(np.frombuffer(group_of, dtype=np.int32))
    return assign_groups([k.to_bytes(8, "little") for k in keys], weights.tolist(), fractions)


def _rdkit_version() -> str:
    import rdkit

    return rdkit.__version__


_PUBLISHED_AT = "https://github.com/ml-jku/Chem-xLSTM/raw/main/data/chemblv31"
RECIPE = CorpusRecipe(
    name="chembl",
    summary="Molecules of ChEMBL or of your lists, without repeats, scaffolds in one split.",
    kind="molecule",
    version="1",
    licence="CC BY-SA 3.0 (ChEMBL)",
    citation="Zdrazil et al. 2024, doi:10.1093/nar/gkad1004; published split: Schmidinger et al. "
    "2024, arXiv:2411.04165",
    split="By Bemis-Murcko scaffold without stereochemistry, in the order of a hash; molecules "
    "without rings are one group. split=random: by a hash of the molecule. split=published: the "
    "files of Chem-xLSTM.",
    prepare=prepare,
    files=(
        SourceFile(
            "https://ftp.ebi.ac.uk/pub/databases/chembl/ChEMBLdb/releases/chembl_31/" + CHEMREPS,
            CHEMREPS,
        ),
        SourceFile(f"{_PUBLISHED_AT}/train.zip", "train.zip"),
        SourceFile(f"{_PUBLISHED_AT}/valid.zip", "valid.zip", size=702_722),
        SourceFile(f"{_PUBLISHED_AT}/test.zip", "test.zip", size=704_252),
    ),
    inputs=(*PATTERNS, "split=published: train, valid and test, each .zip, .txt or .smi"),
    options=SPLIT_OPTIONS
    | {
        "split": Option("scaffold", "The rule of the split.", ("scaffold", "random", "published")),
    },
)
