"""How good written molecules are: valid, unique, new, diverse, and like those they learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import install_line
from ..progress import progress
from .metrics import RESAMPLES, mean_estimate
from .molecule_sets import PROPERTIES, internal_diversity, properties, structure
from .report import Column, Plot, Report

MOST_COMPARED = 10_000
"""Molecules of a side that the ChemNet distance is computed over."""
MOST_DESCRIBED = 2_500
"""Molecules of a side that distributions of properties are compared over."""
MOST_PAIRED = 2_000
"""Molecules that are paired for the diversity."""
_SHARES = ("validity", "uniqueness", "novelty", "scaffold_novelty", "internal_diversity")


def evaluate_molecules(
    generated: Sequence[str],
    training: Iterable[str],
    *,
    reference: Iterable[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """Figures of a set of written molecules against the set that the model was trained on.

    Novelty is counted against the training set and nothing else. Uniqueness and novelty follow
    :func:`~biosequence.inference.report_molecules`: different structures of the valid ones, and
    those of the different ones that the training set does not have.

    Parameters
    ----------
    generated
        SMILES as they were written, also those that are none.
    training
        SMILES that the model was trained on; taken one at a time.
    reference
        Held-out SMILES whose distribution is compared with; None: the training set.
    resamples, seed
        Of the intervals; the seed also draws the samples of large sets.

    Raises
    ------
    InputError
        There is no molecule at all, or no valid one to compare with.

    Examples
    --------
    >>> report = evaluate_molecules(["CCO", "OCC", "C(", "CN"], ["NC"])
    >>> [report.summary[name] for name in ("validity", "uniqueness", "novelty")]
    [0.75, 0.6666666666666666, 0.5]
    """
    if not len(generated):
        raise InputError("There is no molecule to judge.", where="generated", fix="Write some.")
    found = [structure(one) for one in progress(generated, what="reading", unit=" molecules")]
    valid = [one.smiles for one in found if one is not None]
    unique = list(dict.fromkeys(valid))
    known = _Known(training, set(unique), seed)
    new = [one for one in unique if one not in known.seen]
    rng = np.random.default_rng(seed)
    rows = [
        _share("validity", len(valid), len(found), resamples, seed),
        _share("uniqueness", len(unique), len(valid), resamples, seed),
        _share("novelty", len(new), len(unique), resamples, seed),
    ]
    own = {one.scaffold for one in found if one is not None} - {""}
    fresh = own - known.scaffolds
    rows += [
        _row("scaffolds", len(own), len(unique), "different scaffolds of rings and linkers"),
        _share("scaffold_novelty", len(fresh), len(own), resamples, seed),
        _row(
            "internal_diversity",
            internal_diversity(_some(unique, MOST_PAIRED, rng)),
            min(len(unique), MOST_PAIRED),
            "1 - mean Tanimoto similarity of pairs",
        ),
    ]
    held = known.sample if reference is None else _valid_sample(reference, seed)
    if not held:
        raise InputError(
            "There is no valid molecule to compare with.",
            where="training" if reference is None else "reference",
            fix="Give a file of SMILES.",
        )
    compared = _some(valid, MOST_COMPARED, rng)
    rows += _distances(_some(compared, MOST_DESCRIBED, rng), _some(held, MOST_DESCRIBED, rng))
    distance, note = chemnet_distance(compared, held)
    rows.append(_row("fcd", distance, len(compared), "Frechet ChemNet distance; 0 is best"))
    return _report(rows, "training set" if reference is None else "reference", note, len(known))


def chemnet_distance(found: Sequence[str], held: Sequence[str]) -> tuple[float | None, str]:
    """The Frechet ChemNet distance, and what to say about it where it is not computed."""
    if find_spec("fcd") is None:
        return None, f"FCD was not computed: its package is missing. {install_line('fcd')}"
    if min(len(found), len(held)) < 2:
        return None, "FCD was not computed: it needs two valid molecules on each side."
    from ..extras import require

    return float(require("fcd", "fcd").get_fcd(list(found), list(held))), ""


class _Known:
    """What is kept of a training set while it streams by: hits, scaffolds and a sample."""

    def __init__(self, training: Iterable[str], unique: set[str], seed: int) -> None:
        self.seen: set[str] = set()
        self.scaffolds: set[str] = set()
        self.sample: list[str] = []
        self._count = 0
        rng = np.random.default_rng(seed)
        for smiles in progress(training, what="comparing", unit=" molecules"):
            one = structure(smiles)
            if one is None:
                continue
            if one.smiles in unique:
                self.seen.add(one.smiles)
            self.scaffolds.add(one.scaffold)
            self._count += 1
            _reservoir(self.sample, one.smiles, self._count, rng)

    def __len__(self) -> int:
        return self._count


def _reservoir(sample: list[str], one: str, count: int, rng: np.random.Generator) -> None:
    """Keep a fair sample of a stream whose length is not known (Vitter 1985, algorithm R)."""
    if len(sample) < MOST_COMPARED:
        sample.append(one)
        return
    place = int(rng.integers(0, count))
    if place < MOST_COMPARED:
        sample[place] = one


def _valid_sample(molecules: Iterable[str], seed: int) -> list[str]:
    return _Known(molecules, set(), seed).sample


def _some(molecules: list[str], most: int, rng: np.random.Generator) -> list[str]:
    if len(molecules) <= most:
        return molecules
    return [molecules[at] for at in np.sort(rng.choice(len(molecules), most, replace=False))]


def _distances(found: list[str], held: list[str]) -> list[dict[str, Any]]:
    """Wasserstein distances between distributions of properties, in each property's unit."""
    from scipy.stats import wasserstein_distance

    if not found:
        return [_row(f"{name}_distance", None, 0, "") for name in PROPERTIES]
    mine, theirs = properties(found), properties(held)
    return [
        _row(
            f"{name}_distance",
            float(wasserstein_distance(mine[name], theirs[name])),
            len(found),
            f"Wasserstein; means {mine[name].mean():.3f} and {theirs[name].mean():.3f}",
        )
        for name in PROPERTIES
    ]


def _share(name: str, part: int, whole: int, resamples: int, seed: int) -> dict[str, Any]:
    flags = np.zeros(whole)
    flags[:part] = 1
    estimate = mean_estimate(flags, resamples=resamples, seed=seed)
    ends = {"low": estimate.low, "high": estimate.high}
    return _row(name, estimate.value, whole, f"{part:,} of {whole:,}") | {
        f"{column}_{end}": value for column in ("value", "share") for end, value in ends.items()
    }


def _row(name: str, value: float | None, items: int, detail: str) -> dict[str, Any]:
    row = {"figure": name, "value": value, "items": items, "detail": detail}
    # Weights and counts have units of their own; only shares can be drawn beside each other.
    return row | ({"share": value} if name in _SHARES else {})


def _report(rows: list[dict[str, Any]], against: str, note: str, known: int) -> Report:
    return Report(
        suite="molecules",
        title="Written molecules",
        columns=(
            Column("figure", "figure"),
            Column("value", "value", "{:.4g}", interval=True),
            Column("items", "molecules", "{:,}"),
            Column("detail", "detail"),
        ),
        rows=tuple(rows),
        summary={row["figure"]: row["value"] for row in rows},
        plot=Plot("bar", "figure", "share", "share"),
        notes=tuple(
            filter(
                None,
                (
                    f"Novelty counts against the training set ({known:,} valid molecules), "
                    "structures compared as canonical SMILES. Distances compare with the "
                    f"{against}.",
                    note,
                ),
            )
        ),
    )
