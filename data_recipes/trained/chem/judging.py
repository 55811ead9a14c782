"""Written molecules against those of the training data, whose scaffolds are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path
from biosequence.evaluation import evaluate_molecules
from biosequence.evaluation.molecule_sets import canonical, scaffold

from ...corpora.pool import map_batches
from .corpus import molecules

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
    own = {one for text in written if (one := canonical(text)) is not None}
    shapes = {scaffold(one) for one in own}
    # Only these can take novelty away, from a molecule or from a scaffold.
    with scaffolds.open(encoding="ascii") as handle:
        known = [
            smiles
            for smiles, line in zip(molecules(train), handle, strict=True)
            if smiles in own or line.rstrip("\n") in shapes
        ]
    report = evaluate_molecules(written, known, reference=molecules(held_out, count=compared))
    found: dict[str, Any] = {"written": len(written)}
    for row in report.rows:
        if row["figure"] in FIGURES:
            found[row["figure"]] = row["value"]
            for end in ("low", "high"):
                if row.get(f"value_{end}") is not None:
                    found[f"{row['figure']}_{end}"] = row[f"value_{end}"]
    return found


def _scaffolds(batch: Sequence[str]) -> list[str]:
    return [scaffold(one) for one in batch]
