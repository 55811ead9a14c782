"""The corpus of the study, and the smaller sets that are read often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from biosequence.errors import InputError
from biosequence.training.data import ShardWriter, TokenShards

from ...corpora import prepare_corpus, read_manifest

SOURCE = "smiles_canonical.csv.gz"
SPLITS = ("train", "validation", "test")


def prepare(source: Path, folder: Path, *, workers: int | None = None) -> dict[str, Any]:
    """The manifest of the corpus in `folder`, which is made where it is not there.

    Raises
    ------
    InputError
        `source` does not hold the file of molecules.
    """
    if (folder / "manifest.json").is_file():
        return read_manifest(folder)
    table = source / SOURCE
    if not table.is_file():
        raise InputError(
            "The folder of sources holds no file of molecules.",
            where=str(table),
            fix=f"Give --source FOLDER with {SOURCE} in it.",
        )
    return prepare_corpus("chembl", folder, source=table, workers=workers)


def watched(validation: Path, folder: Path, *, count: int, seed: int) -> Path:
    """Shards of some validation molecules, drawn once: what trials and curves are measured on."""
    if not folder.exists():
        shards = TokenShards.open(validation)
        chosen = drawn(len(shards), count, seed)
        facts = {**shards.manifest.get("source", {}), "drawn": len(chosen), "drawn_seed": seed}
        with ShardWriter(folder, shards.tokenizer(), source=facts) as writer:
            for number in chosen:
                writer.add(shards[number])
    return folder


def molecules(folder: Path, *, count: int | None = None, seed: int = 0) -> Iterator[str]:
    """The molecules of shards as SMILES; with `count`, so many of them, drawn by the seed."""
    shards = TokenShards.open(folder)
    tokenizer = shards.tokenizer()
    for number in range(len(shards)) if count is None else drawn(len(shards), count, seed):
        yield tokenizer.decode(shards[number], skip_special_tokens=True)


def drawn(total: int, count: int, seed: int) -> list[int]:
    """`count` numbers below `total`, or all where there are fewer, in order."""
    return sorted(np.random.default_rng(seed).permutation(total)[:count].tolist())
