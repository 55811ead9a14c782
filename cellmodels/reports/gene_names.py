"""Gene names as the reader of the report knows them: those of the file's organism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellmodels.genes import shared_names

if TYPE_CHECKING:
    from cellmodels.inputs import InputCheck


@dataclass(frozen=True)
class GeneNames:
    """Between the model's names, which human and mouse share, and the symbols of one file.

    Attributes
    ----------
    organism
        ``"human"`` or ``"mouse"``.
    in_file
        The file's symbol of each model name, for the genes that the file has.
    symbols
        Every symbol of the file.
    """

    organism: str
    in_file: dict[str, str]
    symbols: frozenset[str] = frozenset()

    @classmethod
    def of(cls, check: InputCheck) -> GeneNames:
        """The names for a checked input; human genes are called the same in both."""
        if check.organism == "human":
            return cls("human", {})
        symbols = [str(symbol) for symbol in check.gene_map.symbols]
        in_file: dict[str, str] = {}
        for shared, symbol in zip(shared_names(symbols, check.organism), symbols, strict=True):
            # Of several mouse genes with one human counterpart, the namesake.
            if shared and (shared not in in_file or symbol.upper() == shared):
                in_file[shared] = symbol
        return cls(check.organism, in_file, frozenset(symbols))

    def model(self, genes: Sequence[str]) -> list[str]:
        """Model names of genes that go by either name."""
        return list(shared_names([str(gene) for gene in genes], self.organism))

    def printed(self, genes: Sequence[str]) -> list[str]:
        """What to print for genes that go by either name: the file's own symbols."""
        pairs = zip(self.model(genes), (str(gene) for gene in genes), strict=True)
        return [g if g in self.symbols else self.in_file.get(model, g) for model, g in pairs]
