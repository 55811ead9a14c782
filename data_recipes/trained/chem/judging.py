"""A trained model on held-out molecules, and what it writes against what it was trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biosequence.atomic import atomic_path
from biosequence.evaluation import evaluate_molecules, evaluate_perplexity, score_documents
from biosequence.evaluation.molecule_sets import structure
from biosequence.training.data import TokenShards

from ...corpora.pool import map_batches
from .corpus import molecules

if TYPE_CHECKING:
    from biosequence.inference import LoadedModel

FIGURES = (
    "validity",
    "uniqueness",
    "novelty",
    "scaffolds",
    "scaffold_novelty",
    "internal_diversity",
    "molecular_weight_distance",
    "logp_distance",
    "qed_distance",
)
_READ_AT_ONCE = 64


def held_out(loaded: LoadedModel, folder: Path) -> dict[str, Any]:
    """Perplexity per token, with its interval, and bits per character of the molecules of shards.

    Every token after the first is counted, the end of the molecule included, whose information is
    shared out over the characters too.
    """
    shards = TokenShards.open(folder)
    # Batches of like length hold little padding.
    order = shards.lengths.argsort(kind="stable").tolist()
    documents = (shards[number] for number in order)
    scores = score_documents(loaded, documents, batch_size=_READ_AT_ONCE)
    row = evaluate_perplexity(scores).rows[-1]
    return {
        "documents": row["documents"],
        "tokens": row["tokens"],
        "characters": row["letters"],
        "nats_per_token": row["nats_per_token"],
        "perplexity": row["perplexity"],
        "perplexity_low": row["perplexity_low"],
        "perplexity_high": row["perplexity_high"],
        "bits_per_character": math.log2(row["perplexity_per_letter"]),
    }


def write_scaffolds(train: Path, path: Path, *, workers: int) -> Path:
    """The scaffold of every training molecule, a line each, in the order of the shards."""
    if not path.is_file():
        with atomic_path(path) as partial, partial.open("w", encoding="ascii") as handle:
            for one in map_batches(_scaffolds, molecules(train), workers=workers):
                handle.write(f"{one}\n")
    return path


def judge(
    written: Sequence[str], train: Path, scaffolds: Path, held_out: Path, *, compared: int
) -> dict[str, Any]:
    """Figures of :func:`~biosequence.evaluation.evaluate_molecules`, novelty against `train`.

    Parameters
    ----------
    written
        SMILES as they were written.
    train
        Shards of the training molecules, canonical as the corpus recipe writes them.
    scaffolds
        Their scaffolds, as :func:`write_scaffolds` wrote them.
    held_out
        Shards; the properties are compared with those of `compared` of their molecules.
    compared
        How many.
    """
    found = [one for text in written if (one := structure(text)) is not None]
    own = {one.smiles for one in found}
    shapes = {one.scaffold for one in found}
    # Only these can take novelty away, from a molecule or from a scaffold.
    with scaffolds.open(encoding="ascii") as handle:
        known = [
            smiles
            for smiles, line in zip(molecules(train), handle, strict=True)
            if smiles in own or line.rstrip("\n") in shapes
        ]
    report = evaluate_molecules(written, known, reference=molecules(held_out, count=compared))
    told: dict[str, Any] = {"written": len(written)}
    for row in report.rows:
        if row["figure"] in FIGURES:
            told[row["figure"]] = row["value"]
            for end in ("low", "high"):
                if row.get(f"value_{end}") is not None:
                    told[f"{row['figure']}_{end}"] = row[f"value_{end}"]
    return told


def _scaffolds(batch: Sequence[str]) -> list[str]:
    return ["" if (one := structure(text)) is None else one.scaffold for text in batch]
