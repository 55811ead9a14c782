"""Records of a file as ids that a model can read: letters judged, limits kept, names at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..complement import reverse_complement
from ..errors import InputError, UsageError

if TYPE_CHECKING:
    from ..io import Record
    from ..tokenizers import BioTokenizer
    from .loading import LoadedModel

STRANDS = ("forward", "both")
"""What a model of DNA may read: a sequence as it is, or its reverse complement too."""


@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """A record as ids.

    Parameters
    ----------
    name
        Its name.
    ids
        (T,) ids, in the smallest type that holds the vocabulary.
    own
        (T,) true where a token is of the sequence itself, not put around it.
    """

    name: str
    ids: np.ndarray
    own: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def read_records(loaded: LoadedModel, path: str | Path) -> Iterator[Record]:
    """Records of a file of the model's kind: SMILES for molecules, else FASTA, FASTQ or GenBank.

    Raises
    ------
    InputError
        The file cannot be read, a record is empty, or a name of a sequence comes twice.
    """
    from ..io import read_sequences, read_smiles

    if loaded.kind == "molecule":
        return read_smiles(path)
    return read_sequences(path, duplicates="error")


def encode_record(
    loaded: LoadedModel, record: Record, *, special_tokens: bool = True
) -> EncodedRecord:
    """A record as the model reads it.

    Parameters
    ----------
    loaded
        Model and tokenizer.
    record
        A sequence.
    special_tokens
        Put the tokenizer's special tokens around it.

    Raises
    ------
    InputError
        A letter is refused (its position is named), nothing is left to read, or there are more
        tokens than the model has positions.
    """
    tokenizer = loaded.tokenizer
    dtype = np.min_scalar_type(len(tokenizer) - 1)
    ids = tokenizer.encode(
        record.sequence, special_tokens=special_tokens, dtype=dtype, name=record.name
    )
    before = len(tokenizer.prefix) if special_tokens else 0
    after = len(tokenizer.suffix) if special_tokens else 0
    if len(ids) == before + after:
        raise InputError(
            f"The record {record.name!r} has nothing to read.",
            where=f"sequence {record.name!r}",
            fix="Remove it, or give it letters.",
        )
    limit = position_limit(loaded.model)
    if limit is not None and len(ids) > limit:
        raise InputError(
            f"A sequence has {len(ids):,} tokens, and the model learned {limit:,} positions.",
            where=f"sequence {record.name!r}",
            fix="Cut it into parts, or take a model without learned positions.",
        )
    own = np.ones(len(ids), dtype=bool)
    own[:before] = False
    own[len(ids) - after :] = False
    return EncodedRecord(record.name, ids, own)


def strands_of(loaded: LoadedModel, records: Iterable[Record], strands: str) -> Iterator[Record]:
    """The records, each followed by its reverse complement where both strands are wanted.

    Raises
    ------
    UsageError
        There is no such choice, or the model's sequences have one strand.
    """
    check_strands(loaded, strands)
    for record in records:
        yield record
        if strands == "both":
            other = reverse_complement(record.sequence)
            # The name says on which strand a refused letter was counted.
            yield replace(
                record, name=f"{record.name} (other strand)", sequence=other, quality=None
            )


def check_strands(loaded: LoadedModel, strands: str) -> None:
    """Refuse strands that there are not.

    Raises
    ------
    UsageError
        There is no such choice, or the model's sequences have one strand.
    """
    if strands not in STRANDS:
        raise UsageError(
            f"There is no choice {strands!r} of strands.",
            where="strands",
            fix=f"Choose one of: {', '.join(STRANDS)}.",
        )
    if strands == "both" and loaded.kind != "dna":
        raise UsageError(
            "Only DNA has two strands.",
            where=f"strands, a model of the kind {loaded.kind!r}",
            fix="Leave strands at 'forward'.",
        )


def position_limit(model: Any) -> int | None:
    """Most tokens of one sequence that a model learned positions for; None: no limit."""
    if getattr(model.config, "position_embeddings", "none") in ("abs_1d", "abs_2d"):
        return int(model.config.max_position_embeddings)
    return None


def uncounted_ids(tokenizer: BioTokenizer) -> list[int]:
    """Ids whose probability says nothing about a sequence: padding, masks, unknown, N of DNA.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> uncounted_ids(DNATokenizer())
    [3, 4, 6, 11]
    """
    vocabulary = tokenizer.vocabulary
    found = {vocabulary.role_id(role) for role in ("pad", "unk", "mask") if vocabulary.role(role)}
    if tokenizer.name == "dna" and "N" in vocabulary:
        # Models of DNA are trained with N left out of the loss.
        found.add(vocabulary.id("N"))
    return sorted(found)
