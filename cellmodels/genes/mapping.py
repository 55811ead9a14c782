"""The columns of a file, mapped to official gene symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from biosequence.errors import InputError, UsageError

from .species import contradicts, likeliest, organism_votes
from .tables import ORGANISMS, gene_table

NAMESPACES = ("symbol", "alias", "ensembl", "unmapped")


@dataclass(frozen=True)
class GeneMap:
    """What the genes of a file are called today.

    Parameters
    ----------
    organism
        ``"human"`` or ``"mouse"``.
    names
        The names in the file, one a column.
    symbols
        The current official symbol of each column, shape ``[n_file]``, dtype object; empty where
        the name is unknown or belongs to several genes.
    namespaces
        How many names were current symbols, aliases (or earlier symbols), Ensembl ids, unmapped.
    organism_votes
        How many names speak for each organism.
    """

    organism: str
    names: tuple[str, ...]
    symbols: np.ndarray
    namespaces: dict[str, int]
    organism_votes: dict[str, int]

    @property
    def n_file(self) -> int:
        """Columns in the file."""
        return len(self.names)

    @property
    def n_mapped(self) -> int:
        """Columns with a symbol."""
        return self.n_file - self.namespaces["unmapped"]

    @cached_property
    def n_duplicate(self) -> int:
        """Mapped columns beyond the first of their symbol."""
        return self.n_mapped - len(set(self.symbols) - {""})

    def projection(self, target_symbols: Sequence[str]) -> sp.csr_matrix:
        """The 0/1 matrix ``[n_file, n_target]`` that carries file columns to target genes.

        ``counts @ projection`` gives each target gene the sum of the columns that bear its
        symbol; targets that the file lacks get zeros. A target named twice is filled twice.
        """
        places: dict[str, list[int]] = {}
        for column, symbol in enumerate(target_symbols):
            places.setdefault(symbol, []).append(column)
        pairs = [
            (row, column)
            for row, symbol in enumerate(self.symbols)
            if symbol
            for column in places.get(symbol, ())
        ]
        rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        ones = np.ones(len(pairs), dtype=np.float32)
        shape = (self.n_file, len(target_symbols))
        return sp.csr_matrix((ones, (rows, columns)), shape=shape)

    def to_dict(self) -> dict[str, Any]:
        """The counts, fit for JSON."""
        return {
            "organism": self.organism,
            "n_file": self.n_file,
            "n_mapped": self.n_mapped,
            "n_duplicate": self.n_duplicate,
            "namespaces": dict(self.namespaces),
            "organism_votes": dict(self.organism_votes),
        }


def map_genes(names: Iterable[Any], *, organism: str = "auto") -> GeneMap:
    """Map the gene names of a file to current official symbols, each name by its own kind.

    Symbols, earlier symbols, aliases and Ensembl ids (with version or without) may be mixed.
    Genome prefixes, appended numbers of ``var_names_make_unique``, R's dots and a foreign case are
    seen through when the name as it stands is unknown. Names of several genes stay unmapped.

    Parameters
    ----------
    names
        One name a column; what is no string counts as its text, missing values as unmapped.
    organism
        ``"human"``, ``"mouse"``, or ``"auto"`` for the one that the names speak for.

    Raises
    ------
    InputError
        When the names are clearly another organism's than the one asked for, or none is a gene.
    UsageError
        For an organism without a table.

    Examples
    --------
    >>> genes = map_genes(["CD3E", "FAM46A", "ENSG00000081237.21", "Nonsense"])
    >>> genes.organism, list(genes.symbols)
    ('human', ['CD3E', 'TENT5A', 'PTPRC', ''])
    """
    if organism not in ("auto", *ORGANISMS):
        msg = f"There is no gene table for {organism!r}."
        raise UsageError(msg, fix=f"Choose one of: auto, {', '.join(ORGANISMS)}.")
    texts = tuple(name if isinstance(name, str) else _text(name) for name in names)
    votes = organism_votes(texts)
    if organism == "auto":
        organism = likeliest(votes, texts)
    elif contradicts(votes, organism, len(texts)):
        raise _other_organism(texts, votes, organism)
    find = gene_table(organism).find
    symbols = np.empty(len(texts), dtype=object)
    spaces: Counter[str] = Counter()
    for place, name in enumerate(texts):
        symbols[place], space = find(name)
        spaces[space] += 1
    if spaces["unmapped"] == len(texts):
        raise _no_gene(texts, votes)
    namespaces = {space: spaces[space] for space in NAMESPACES}
    return GeneMap(organism, texts, symbols, namespaces, votes)


def _text(name: Any) -> str:
    # NaN is the one value that differs from itself: a missing gene name in a var column.
    return "" if name is None or name != name else str(name)


def _other_organism(names: tuple[str, ...], votes: dict[str, int], asked: str) -> InputError:
    other = next(name for name in ORGANISMS if name != asked)
    msg = (
        f"The genes are {other}, not {asked}: {votes[other]:,} of {len(names):,} names are "
        f"{other} only, {votes[asked]:,} {asked} only."
    )
    return InputError(
        msg, where=f"gene names such as {_shown(names)}", fix=f"-> rerun with --organism {other}"
    )


def _no_gene(names: tuple[str, ...], votes: dict[str, int]) -> InputError:
    if not names:
        return InputError("There are no gene names.", fix="Check that the file has genes.")
    msg = f"None of the {len(names):,} gene names is a known human or mouse gene."
    fix = "-> rerun with --gene-key COLUMN, a var column that holds symbols or Ensembl gene ids"
    if votes.get("other"):
        fix = "Only human and mouse genes are known; map them to human or mouse orthologs first."
    return InputError(msg, where=f"gene names such as {_shown(names)}", fix=fix)


def _shown(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names[:3])
