"""The bundled gene table of an organism: ids, current symbols, earlier names."""

from __future__ import annotations

import gzip
from functools import cache, cached_property
from importlib.resources import files

from biosequence.errors import UsageError

from .patterns import ENSEMBL, assembly_species, bare_name, joined_id, name_variants

ORGANISMS = ("human", "mouse")


class GeneTable:
    """One organism's genes, looked up by any name.

    Parameters
    ----------
    organism
        ``"human"`` or ``"mouse"``.
    text
        The table: a header, then lines of id, symbol, class, previous symbols, aliases. A gene
        without a symbol goes by its id.
    """

    def __init__(self, organism: str, text: str) -> None:
        self.organism = organism
        self._class_of: dict[str, str] = {}
        self._of_id: dict[str, str] = {}
        self._of_alias: dict[str, str] = {}
        class_of, of_id, of_alias = self._class_of, self._of_id, self._of_alias
        for line in text.split("\n")[1:-1]:
            ensembl_id, symbol, kind, previous, aliases = line.split("\t")
            if not symbol:
                of_id[ensembl_id] = ensembl_id
                continue
            class_of[symbol] = kind
            if ensembl_id:
                of_id[ensembl_id] = symbol
            if aliases:
                for alias in aliases.split(","):
                    of_alias[alias] = symbol
            if previous:
                for alias in previous.split(","):
                    of_alias[alias] = symbol

    @cached_property
    def _of_upper(self) -> dict[str, str]:
        """Names by their upper-case spelling; a spelling that two genes share names none."""
        found: dict[str, str] = {}
        for names in (
            {symbol: symbol for symbol in self._class_of},
            self._of_alias,
        ):
            layer: dict[str, str] = {}
            for name, symbol in names.items():
                upper = name.upper()
                layer[upper] = "" if layer.get(upper, symbol) != symbol else symbol
            found = layer | found
        return {upper: symbol for upper, symbol in found.items() if symbol}

    @property
    def symbols(self):
        """The current symbols, as a set-like view."""
        return self._class_of.keys()

    @cached_property
    def upper_symbols(self) -> frozenset[str]:
        """The current symbols in upper case."""
        return frozenset(map(str.upper, self._class_of))

    def gene_class(self, symbol: str) -> str | None:
        """``"coding"``, ``"lncRNA"``, ``"pseudogene"``, ...; None for what is no current symbol."""
        return self._class_of.get(symbol)

    @cached_property
    def ensembl_ids(self) -> dict[str, tuple[str, ...]]:
        """All Ensembl ids of each current symbol, retired ones of that name too; ascending."""
        found: dict[str, list[str]] = {}
        for ensembl_id, symbol in sorted(self._of_id.items()):
            found.setdefault(symbol, []).append(ensembl_id)
        return {symbol: tuple(ids) for symbol, ids in found.items()}

    def find(self, name: str) -> tuple[str, str]:
        """The official symbol of a name, and the name space in which it was found.

        A current symbol wins over everything, an id over an alias, the name as it stands over a
        name with parts taken off, and the exact case over any case.

        Returns
        -------
        Symbol and ``"symbol"``, ``"ensembl"`` or ``"alias"``; ``("", "unmapped")`` for no gene, or
        for an alias of several genes.
        """
        if name in self._class_of:
            return name, "symbol"
        if assembly_species(name) not in (None, self.organism):
            return "", "unmapped"
        name = bare_name(name)
        found = self._exact(name)
        if found:
            return found
        embedded = joined_id(name)
        if embedded and embedded in self._of_id:
            return self._of_id[embedded], "ensembl"
        for variant in name_variants(name):
            found = self._exact(variant)
            if found:
                return found
        for variant in (name, *name_variants(name)):
            symbol = self._of_upper.get(variant.upper())
            if symbol:
                return symbol, "symbol" if symbol.upper() == variant.upper() else "alias"
        return "", "unmapped"

    def _exact(self, name: str) -> tuple[str, str] | None:
        if name in self._class_of:
            return name, "symbol"
        match = ENSEMBL.fullmatch(name)
        if match:
            symbol = self._of_id.get(match["id"])
            return (symbol, "ensembl") if symbol else None
        symbol = self._of_alias.get(name)
        return (symbol, "alias") if symbol else None


@cache
def gene_table(organism: str) -> GeneTable:
    """The bundled table of an organism, read once.

    Raises
    ------
    UsageError
        For an organism that has no table.
    """
    if organism not in ORGANISMS:
        msg = f"There is no gene table for {organism!r}."
        raise UsageError(msg, fix=f"Choose one of: {', '.join(ORGANISMS)}.")
    return GeneTable(organism, read_table(organism))


def read_table(name: str) -> str:
    """The text of a bundled table."""
    packed = files(__package__).joinpath("tables", f"{name}.tsv.gz").read_bytes()
    return gzip.decompress(packed).decode("utf-8")


def is_symbol(symbol: str, organism: str) -> bool:
    """Whether this is a current official symbol, letter for letter.

    >>> is_symbol("TENT5A", "human"), is_symbol("FAM46A", "human")
    (True, False)
    """
    return symbol in gene_table(organism).symbols


def official_symbol(name: str, organism: str) -> str | None:
    """The current symbol of a gene by any of its names; None for no gene or several.

    >>> official_symbol("FAM46A", "human")
    'TENT5A'
    >>> official_symbol("ENSMUSG00000026395.17", "mouse")
    'Ptprc'
    """
    return gene_table(organism).find(name)[0] or None
