"""Families of homologs to train on and to be judged on, from two corpora at once.

Seven alignments are too few to learn from how a context is used, so the clusters of relatives in
the corpus `proteins` are families, too. What is held out of one corpus must have no relative in the
training part of the other: both are clustered together, and training proteins that share a cluster
with a held-out one are left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from biosequence.atomic import atomic_folder
from biosequence.evaluation import Family
from biosequence.tokenizers import ProteinTokenizer
from biosequence.training.data import ShardWriter, TokenShards

from ...corpora import prepare_corpus
from ...corpora.splits import homology_clusters
from .baselines import residue_frequencies
from .copies import simulated_families
from .settings import Settings

SPLITS = ("train", "validation", "test")
PROTEINS, ALIGNMENTS = "proteins", "openproteinset"
SOURCES = {PROTEINS: "protein_mixed.fa.gz", ALIGNMENTS: "protein_msas_a3m.tar.gz"}
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Member:
    """A protein of a corpus, and where it belongs."""

    corpus: str
    split: str
    group: int
    sequence: str


def prepare_families(source: Path, output: Path, settings: Settings) -> dict[str, Any]:
    """Families under `output`, and what was counted; nothing is done twice.

    `train` and `validation` are groups of homologs for the trainer, `copies` simulated ones made
    from the first; `members` are held-out members of training families, and `families` are
    families of which nothing was trained on.

    Parameters
    ----------
    source
        Folder with the two files of :data:`SOURCES`.
    output
        Folder for the corpora and for `families`.
    settings
        Sizes.
    """
    folder = output / "families"
    if (folder / MANIFEST).is_file():
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for corpus, name in SOURCES.items():
        if not (output / corpus).exists():
            options = {"test": settings.test_share} if corpus == PROTEINS else {}
            prepare_corpus(corpus, output / corpus, source=source / name, options=options)
    members = list(_members(output))
    with TemporaryDirectory() as scratch:
        clusters = homology_clusters((one.sequence for one in members), scratch)
    names = _names(members, clusters)
    kept, dropped = _kept(members, clusters)
    by_split = {split: _by_name(members, names, kept, split, settings.longest) for split in SPLITS}
    train, held = _held_members(by_split["train"], settings)
    groups = _groups(train, settings, np.random.default_rng(0))
    watched = _groups(by_split["validation"], settings, np.random.default_rng(1))
    watched = dict(list(watched.items())[: settings.watched])
    test = {name: found for name, found in by_split["test"].items() if len(found) > 1}
    frequencies = residue_frequencies(one for group in groups.values() for one in group)
    copies = simulated_families(
        list(groups.values()), frequencies, settings, np.random.default_rng(3)
    )
    parts = {
        "train": groups,
        "copies": copies,
        "validation": watched,
        "members": held,
        "families": test,
    }
    counts = {part: _counted(found) for part, found in parts.items()}
    counts["train"]["families"] = len({name.rpartition("#")[0] for name in groups})
    facts = {"counts": counts, "left_out_as_relatives": dropped}
    with atomic_folder(folder) as partial:
        for part, found in parts.items():
            _write(partial / part, found, facts | {"name": "protein families", "part": part})
            listed = json.dumps(list(found), indent=0)
            (partial / f"{part}.json").write_text(listed, encoding="utf-8")
        (partial / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


def open_families(folder: Path, part: str) -> Iterator[Family]:
    """The families of a part, each with the name of its corpus in front of its own."""
    documents = TokenShards.open(folder / part)
    tokenizer = documents.tokenizer()
    names = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
    found: dict[int, list[str]] = defaultdict(list)
    assert documents.groups is not None
    for number, group in enumerate(documents.groups.tolist()):
        found[group].append(tokenizer.decode(documents[number][1:]))
    for group, sequences in found.items():
        yield Family(names[group], tuple(sequences))


def _members(output: Path) -> Iterator[Member]:
    for corpus in SOURCES:
        for split in SPLITS:
            if not (output / corpus / split).exists():
                continue
            documents = TokenShards.open(output / corpus / split)
            tokenizer = documents.tokenizer()
            assert documents.groups is not None
            for number, group in enumerate(documents.groups.tolist()):
                yield Member(corpus, split, group, tokenizer.decode(documents[number][1:]))


def _names(members: list[Member], clusters: np.ndarray) -> dict[tuple[str, int], str]:
    """A name for each group; alignments whose queries are related share one."""
    found: dict[tuple[str, int], str] = {}
    of_query: dict[int, str] = {}
    for one, cluster in zip(members, clusters.tolist(), strict=True):
        key = (one.corpus, one.group)
        if key in found:
            continue
        name = f"{one.corpus}/{one.group}"
        found[key] = of_query.setdefault(cluster, name) if one.corpus == ALIGNMENTS else name
    return found


def _kept(members: list[Member], clusters: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """Which are used: not a training protein with a relative in another split."""
    train = np.array([one.split == "train" for one in members])
    near = train & np.isin(clusters, np.unique(clusters[~train]))
    counts = {
        corpus: sum(members[at].corpus == corpus for at in np.flatnonzero(near))
        for corpus in SOURCES
    }
    return ~near, counts


def _by_name(
    members: list[Member],
    names: Mapping[tuple[str, int], str],
    kept: np.ndarray,
    split: str,
    longest: int,
) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for one, used in zip(members, kept.tolist(), strict=True):
        if used and one.split == split and len(one.sequence) < longest:
            found[names[one.corpus, one.group]][one.sequence] = None
    return {name: list(sequences) for name, sequences in found.items()}


def _held_members(
    families: Mapping[str, list[str]], settings: Settings
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Training families without some members, and those members."""
    train, held = {}, {}
    chance = np.random.default_rng(2)
    for name, sequences in families.items():
        count = 0
        if len(sequences) >= settings.held_from:
            count = min(settings.held_most, int(settings.held_share * len(sequences)))
        order = chance.permutation(len(sequences))
        train[name] = [sequences[at] for at in order[count:]]
        if count:
            held[name] = [sequences[at] for at in order[:count]]
    return train, held


def _groups(
    families: Mapping[str, list[str]], settings: Settings, chance: np.random.Generator
) -> dict[str, list[str]]:
    """Random groups of at least two homologs with about as many tokens as settings say."""
    found: dict[str, list[str]] = {}
    for name, sequences in families.items():
        lengths = np.array([len(one) + 1 for one in sequences])
        if len(sequences) < 2 or lengths.sum() < settings.least_tokens:
            continue
        order = chance.permutation(len(sequences))
        pieces = max(1, round(lengths.sum() / settings.group_tokens))
        # Cut where the tokens are, so that no group is left with a scrap.
        piece = (lengths[order].cumsum() - lengths[order]) * pieces // lengths.sum()
        for number in range(pieces):
            chosen = order[piece == number]
            if len(chosen) > 1:
                found[f"{name}#{number}"] = [sequences[at] for at in chosen]
    names = list(found)
    return {names[at]: found[names[at]] for at in chance.permutation(len(names))}


def _counted(found: Mapping[str, Iterable[str]]) -> dict[str, int]:
    lengths = [len(one) + 1 for sequences in found.values() for one in sequences]
    return {"groups": len(found), "proteins": len(lengths), "tokens": sum(lengths)}


def _write(folder: Path, found: Mapping[str, list[str]], source: Mapping[str, Any]) -> None:
    tokenizer = ProteinTokenizer(other="unknown")
    with ShardWriter(folder, tokenizer, source=source) as writer:
        for number, sequences in enumerate(found.values()):
            for one in sequences:
                writer.add(tokenizer.encode(one, dtype=np.uint8), number)
