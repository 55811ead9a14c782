"""Genes by rank, as Geneformer and LangCell read a cell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.tokenizers import BioTokenizer, Vocabulary
from biosequence.tokenizers.huggingface import Splitting
from biosequence.tokenizers.padding import check_choice

from .binding import BoundRanks, IdKind, column_tokens
from .published import Dictionary, median_dictionary, medians_of, read_dictionary, vocabulary_of

if TYPE_CHECKING:
    from cellmodels.genes import GeneMap

MEDIANS = "gene_median_dictionary.json"
MAX_LENGTH = 2048


class GeneRankTokenizer(BioTokenizer):
    """A cell as the genes it expresses, by how much they stand out (Theodoris et al. 2023).

    A gene's count over the cell's total is divided by the gene's median over all cells of a large
    corpus that have it; genes follow in descending order, equal ones by token id, behind `<cls>`,
    and the row ends after `max_length`. The total does not change the order, so that counts,
    CP10k and log1p with the logarithm undone give the same tokens.

    As text, a cell is its gene ids with blanks between them.

    Parameters
    ----------
    vocabulary
        Genes and special tokens; pad, mask and cls have their roles.
    medians_V
        Median of each token, NaN for special ones, shape (tokens,).
    id_kind
        What genes are called: Ensembl ids, or the symbols of
        :func:`cellmodels.genes.shared_names`.
    max_length
        Most tokens of a cell, `<cls>` included.

    Raises
    ------
    InputError
        If a gene has no positive, finite median.
    UsageError
        On a length below 2 or another kind of id.

    Examples
    --------
    >>> cells = GeneRankTokenizer.from_published(
    ...     {"<pad>": 0, "<mask>": 1, "ENSG00000198851": 2, "ENSG00000156738": 3},
    ...     {"ENSG00000198851": 2.0, "ENSG00000156738": 8.0},
    ... )
    >>> ranks = cells.bind(["MS4A1", "CD3E", "Nonsense"])
    >>> ranks.n_used, ranks(np.array([[6, 2, 9], [0, 0, 1]])).ids.tolist()
    (2, [4, 2, 3, 4])
    >>> cells.decode([4, 2, 3])
    '<cls> ENSG00000198851 ENSG00000156738'
    """

    name = "gene-rank"

    def __init__(
        self,
        vocabulary: Vocabulary,
        medians_V: np.ndarray,
        *,
        id_kind: IdKind = "ensembl",
        max_length: int = MAX_LENGTH,
    ) -> None:
        check_choice("id_kind", id_kind, get_args(IdKind))
        if max_length < 2:
            raise UsageError(
                f"max_length={max_length} leaves no room for a gene behind <cls>.",
                where="option max_length",
                fix=f"Give 2 or more; published models have {MAX_LENGTH:,}.",
            )
        cls = vocabulary.tokens[vocabulary.role_id("cls")]
        super().__init__(vocabulary, prefix=(cls,))
        self.id_kind: IdKind = id_kind
        self.max_length = max_length
        self.medians_V = _checked(np.array(medians_V, dtype=np.float64), vocabulary)

    @classmethod
    def from_published(
        cls,
        token_dictionary: Dictionary,
        median_dictionary: Dictionary,
        *,
        max_length: int = MAX_LENGTH,
    ) -> Self:
        """A tokenizer from dictionaries by Ensembl id, as they are published.

        Parameters
        ----------
        token_dictionary
            Gene id to token id, with `<pad>` and `<mask>`: a JSON file, gzipped or not, or a
            mapping. `<cls>` is appended as last id where it is missing, as LangCell does.
        median_dictionary
            Gene id to non-zero median, likewise; other genes in it are left out.
        max_length
            Most tokens of a cell.

        Raises
        ------
        InputError
            If a file cannot be read, ids are missing, or a gene has no median.
        """
        vocabulary = vocabulary_of(read_dictionary(token_dictionary))
        medians_V = medians_of(vocabulary, read_dictionary(median_dictionary))
        return cls(vocabulary, medians_V, max_length=max_length)

    def bind(self, genes: GeneMap | Sequence[str]) -> BoundRanks:
        """The tokenizer for the columns of one file.

        Parameters
        ----------
        genes
            Their names, one a column, or what :func:`cellmodels.genes.map_genes` made of them:
            Ensembl ids with or without version, symbols, earlier names, mouse genes by their
            human ortholog, in any mixture. Columns of one gene add up.

        Raises
        ------
        InputError
            If none is in the vocabulary.
        """
        token_V = column_tokens(genes, self.vocabulary, self.id_kind)
        return BoundRanks(token_V, self.medians_V, self.vocabulary.role_id("cls"), self.max_length)

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values; vocabulary and medians apart."""
        return {"id_kind": self.id_kind, "max_length": self.max_length}

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        return self.vocabulary.ids(text.split())

    def _join(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)

    def _splitting(self) -> Splitting:
        return Splitting(r"\S+", drop_unmatched=True, blanks=True)

    def _files(self) -> dict[str, str]:
        medians = median_dictionary(self.vocabulary, self.medians_V)
        return {MEDIANS: json.dumps(medians, indent=0) + "\n"}

    @classmethod
    def _reopen(cls, folder: Path, options: Mapping[str, Any], vocabulary: Vocabulary) -> Self:
        try:
            medians_V = medians_of(vocabulary, read_dictionary(folder / MEDIANS))
            return cls(vocabulary, medians_V, **options)
        except InputError as error:
            raise ModelError(
                f"The medians of the tokenizer cannot be used. {error.what}",
                where=str(folder / MEDIANS),
                fix="Save the tokenizer again with its save method.",
            ) from error


def _checked(medians_V: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    if medians_V.shape != (len(vocabulary),):
        raise InputError(
            f"There are medians of shape {medians_V.shape} for {len(vocabulary):,} tokens.",
            where="medians of a gene-rank tokenizer",
            fix="Give one for each token, NaN for special ones.",
        )
    genes = vocabulary.letter_ids
    wrong = genes[~(np.isfinite(medians_V[genes]) & (medians_V[genes] > 0))]
    if len(wrong):
        token = vocabulary.tokens[wrong[0]]
        raise InputError(
            f"{len(wrong):,} genes have no positive, finite median: that of {token} is "
            f"{medians_V[wrong[0]]}.",
            where="medians of a gene-rank tokenizer",
            fix="Leave genes out that no cell has.",
        )
    medians_V.flags.writeable = False
    return medians_V
