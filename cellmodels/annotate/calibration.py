"""Probabilities that mean what they say: temperatures and limits fitted on held-out data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from biosequence.errors import UsageError
from cellmodels.ontology import tissue_ontology

# Shapes: B cells, C classes.


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Constants of a model that turn its scores into probabilities and its doubts into `Unknown`.

    Attributes
    ----------
    temperature_cell, temperature_cluster, temperature_list
        Divisors of the log probabilities of single cells, clusters and marker lists.
    threshold, threshold_list
        Least probability of an answer for cells and clusters, and for marker lists.
    similarity_floor
        Least cosine between a cluster and the class it is given to; below it the cluster lies
        outside the reference.
    stated, stated_list
        Pairs of a computed probability and the share of right answers found at it on held-out
        data, for clusters and for marker lists; the confidence is read off between them. None
        tells the probability itself.
    least_genes
        Feature genes that a cell must show to be judged at all.
    elsewhere
        Log-prior of a class that is not known from the tissue that the user named.
    """

    temperature_cell: float = 1.0
    temperature_cluster: float = 1.0
    temperature_list: float = 1.0
    threshold: float = 0.5
    threshold_list: float = 0.3
    similarity_floor: float = 0.0
    stated: tuple[tuple[float, float], ...] | None = None
    stated_list: tuple[tuple[float, float], ...] | None = None
    least_genes: int = 20
    elsewhere: float = -3.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Calibration:
        """The `calibration` table of a model's config.json."""
        return cls(**config.get("calibration", {}))

    def confidence(self, probability: float) -> float:
        """What the computed probability of a cluster's answer is worth."""
        return read_off(self.stated, probability)

    def confidence_list(self, probability: float) -> float:
        """What the computed probability of the answer to a marker list is worth."""
        return read_off(self.stated_list, probability)


def read_off(stated: Sequence[tuple[float, float]] | None, probability: float) -> float:
    """The value at a probability between stated pairs; the probability itself without them.

    Examples
    --------
    >>> read_off([(0.5, 0.6), (1.0, 0.8)], 0.75)
    0.7
    """
    if not stated:
        return probability
    computed, found = np.array(stated).T
    return float(np.interp(probability, computed, found))


def probabilities(log_p_BC: np.ndarray, temperature: float, log_prior_C: np.ndarray) -> np.ndarray:
    """Softmax of tempered scores plus a prior, float32 [B, C]; a prior of -inf gives 0."""
    logits = log_p_BC / np.float32(temperature) + log_prior_C.astype(np.float32)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    # Rounding hides the last bits, in which two orders of summation may differ.
    return np.round(logits, 5)


def tissue_prior(
    tissues: Sequence[tuple[str, ...]], wanted: str | None, elsewhere: float
) -> tuple[np.ndarray, str]:
    """Log-prior of each class in a tissue, and the tissue's name in the ontology ("" for none).

    Raises
    ------
    UsageError
        If no tissue of that name is known.
    """
    if not wanted:
        return np.zeros(len(tissues)), ""
    ontology = tissue_ontology()
    match = ontology.resolve(wanted)
    if match is None:
        near = ", ".join(ontology.suggest(wanted))
        msg = f"There is no tissue {wanted!r}."
        raise UsageError(
            msg, where="--tissue", fix=f"Did you mean: {near}?" if near else "Use an organ name."
        )
    ids = {name: _tissue_id(name) for names in tissues for name in names}
    fits = {
        name: name == "any" or (found is not None and ontology.related(found, match.id))
        for name, found in ids.items()
    }
    prior = [0.0 if any(fits[name] for name in names) else elsewhere for names in tissues]
    return np.array(prior), match.name


def _tissue_id(name: str) -> str | None:
    found = tissue_ontology().resolve(name)
    return found.id if found else None
