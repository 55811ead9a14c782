"""How a LangCell model is asked about cells that it was not trained to name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ZeroShotSettings:
    """Stored with the model, under `zero_shot` in calibration.json.

    Attributes
    ----------
    most
        Candidates of a cell that are matched; below 2 none is.
    weight
        What a match counts beside the similarity.
    states
        Only so many of a cell's genes, the strongest, are read in matching; None: all.
    """

    most: int = 3
    weight: float = 1.0
    states: int | None = None
