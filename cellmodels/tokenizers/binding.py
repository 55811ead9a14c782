"""The columns of one file as tokens, and rows of it ranked.

Legend: N rows, V columns of the file, T tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from biosequence.errors import InputError
from biosequence.tokenizers import Vocabulary
from cellmodels.genes import GeneMap, gene_table, shared_names
from cellmodels.genes.patterns import ENSEMBL, ensembl_species
from cellmodels.genes.species import likeliest, organism_votes
from cellmodels.inputs import check_block

from .ranking import Ragged, rank

IdKind = Literal["ensembl", "shared"]


@dataclass(frozen=True, eq=False)
class BoundRanks:
    """A gene-rank tokenizer that knows the columns of one file; processes can be given it.

    Parameters
    ----------
    token_V
        Token id of each column, int32; -1 for columns without.
    medians_T
        Median of each token, float64.
    cls_id
        Id that a row starts with.
    max_length
        Most ids in a row, that one included.
    """

    token_V: np.ndarray
    medians_T: np.ndarray
    cls_id: int
    max_length: int

    @property
    def n_columns(self) -> int:
        """Columns of the file."""
        return len(self.token_V)

    @property
    def n_used(self) -> int:
        """Columns that are a token."""
        return int(np.count_nonzero(self.token_V >= 0))

    @property
    def n_tokens(self) -> int:
        """Different tokens among the columns."""
        return len(np.unique(self.token_V[self.token_V >= 0]))

    def __call__(
        self, block: sp.csr_matrix, *, cls: bool = True, first_row: int = 0, where: str = ""
    ) -> Ragged:
        """Rows of the file as token ids, the gene that stands out most first.

        A gene's value over its median decides, equals follow each other by token id. Rows may be
        on any scale, each on its own, but not logged: undo that first
        (:func:`cellmodels.inputs.to_cp10k`). A cell without a gene of the vocabulary gives
        `<cls>` alone: nothing can be said of it.

        Parameters
        ----------
        block
            Counts or other linear values, shape ``[rows, n_columns]``.
        cls
            Start each row with `<cls>`.
        first_row, where
            Number of its first row in the file and the file, for messages.

        Raises
        ------
        InputError
            If a value is negative, NaN or infinite, or the block has another number of columns.
        """
        if block.shape[1] != self.n_columns:
            raise InputError(
                f"The block has {block.shape[1]:,} columns and the gene names are "
                f"{self.n_columns:,}.",
                where=where or "block of cells",
                fix="Bind the tokenizer to the genes of this very matrix.",
            )
        block = sp.csr_matrix(block)
        check_block(block, first_row=first_row, where=where)
        first = self.cls_id if cls else -1
        return rank(block, self.token_V, self.medians_T, first=first, most=self.max_length)

    def to_dict(self) -> dict[str, Any]:
        """How much of the file is used, fit for JSON."""
        return {"n_columns": self.n_columns, "n_used": self.n_used, "n_tokens": self.n_tokens}


def column_tokens(
    genes: GeneMap | Sequence[str], vocabulary: Vocabulary, id_kind: IdKind
) -> np.ndarray:
    """Token id of each column, int32; -1 for columns without.

    A name that is a token itself (an Ensembl id without its version) is that token. Any other is
    looked up by what it is called today in the gene space that human and mouse share.

    Raises
    ------
    InputError
        If no column has a token.
    """
    names = genes.names if isinstance(genes, GeneMap) else tuple(map(str, genes))
    ids = {vocabulary.tokens[number]: number for number in vocabulary.letter_ids.tolist()}
    found = np.array([ids.get(_bare(name), -1) for name in names], dtype=np.int32)
    absent = np.flatnonzero(found < 0)
    if len(absent):
        shared = _shared_names_of(genes)
        by_name = _ids_by_name(ids, id_kind)
        found[absent] = [
            by_name.get(shared[column], -1) if shared[column] else -1 for column in absent
        ]
    if not (found >= 0).any():
        raise _no_overlap(names, list(ids))
    return found


def _bare(name: str) -> str:
    match = ENSEMBL.fullmatch(name)
    return match["id"] if match else name


def _shared_names_of(genes: GeneMap | Sequence[str]) -> np.ndarray:
    if isinstance(genes, GeneMap):
        return shared_names(genes.symbols, genes.organism)
    # Not map_genes: names that no table knows may all be tokens themselves.
    names = tuple(map(str, genes))
    organism = likeliest(organism_votes(names), names)
    find = gene_table(organism).find
    return shared_names([find(name)[0] for name in names], organism)


def _ids_by_name(ids: dict[str, int], id_kind: IdKind) -> dict[str, int]:
    """Tokens by shared name; the lowest id where two Ensembl ids bear one name."""
    if id_kind == "shared":
        return ids
    found: dict[str, int] = {}
    for organism in ("mouse", "human"):
        of_organism = [token for token in ids if ensembl_species(token) == organism]
        find = gene_table(organism).find
        named = shared_names([find(token)[0] for token in of_organism], organism)
        for name, token in sorted(zip(named, of_organism, strict=True), key=lambda x: -ids[x[1]]):
            if name:
                found[name] = ids[token]
    return found


def _no_overlap(names: Sequence[str], tokens: Sequence[str]) -> InputError:
    return InputError(
        f"None of the {len(names):,} genes is in the vocabulary of {len(tokens):,} genes.",
        where=f"genes such as {_shown(names)}; expected such as {_shown(tokens)}",
        fix="Name the column with Ensembl ids or symbols, or take the model of this organism.",
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:3]) or "none"
