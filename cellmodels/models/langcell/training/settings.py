"""Keys of the objective `langcell`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from biosequence.errors import UsageError
from biosequence.training.objectives.settings import check_fraction

LOSSES = ("masked_genes", "cell_cell", "cell_text", "matching")


@dataclass(frozen=True, kw_only=True)
class LangCellSettings:
    """Keys of `langcell`; a loss of weight 0 is not computed, and what only it trains is frozen.

    Parameters
    ----------
    masked_genes, cell_cell, cell_text, matching
        Weights of the losses. The first two need no texts.
    mask_rate
        Part of the genes that is hidden: 8 of 10 become the mask, 1 another gene, 1 stays.
    views
        What makes a cell another one for `cell_cell`: another dropout, or a random part of its
        genes.
    view_share
        That part.
    temperature, learn_temperature
        What divides the cosines of cells and texts; where it is learnt, it starts there. None: as
        the model has it, a new one 0.05, not learnt.
    cell_temperature
        What divides the cosines of cells and cells.
    negatives
        Wrong pairs for `matching`: likelier the more similar the two are, or any.
    text_length
        Most tokens of a text; longer ones are cut off.
    """

    masked_genes: float = 1.0
    cell_cell: float = 1.0
    cell_text: float = 1.0
    matching: float = 1.0
    mask_rate: float = 0.15
    views: Literal["dropout", "genes"] = "dropout"
    view_share: float = 0.8
    temperature: float | None = None
    learn_temperature: bool | None = None
    cell_temperature: float = 0.05
    negatives: Literal["hard", "random"] = "hard"
    text_length: int = 128

    def __post_init__(self) -> None:
        for name in ("mask_rate", "view_share"):
            check_fraction(name, getattr(self, name))
        for name in LOSSES:
            if getattr(self, name) < 0:
                raise _wrong(name, getattr(self, name), "Give 0 or more.")
        for name in ("mask_rate", "view_share", "temperature", "cell_temperature"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise _wrong(name, getattr(self, name), "Give more than 0.")
        if self.text_length < 2:
            raise _wrong("text_length", self.text_length, "Give at least 2.")
        if not any(getattr(self, name) for name in LOSSES):
            raise UsageError(
                "All losses have the weight 0.",
                where="[objective]",
                fix=f"Give a weight to at least one of: {', '.join(LOSSES)}.",
            )

    @property
    def reads_texts(self) -> bool:
        """Whether any loss needs texts."""
        return bool(self.cell_text or self.matching)


def _wrong(name: str, value: float, fix: str) -> UsageError:
    return UsageError(
        f"{name} = {value} is not possible.", where=f"[objective], key {name}", fix=fix
    )
