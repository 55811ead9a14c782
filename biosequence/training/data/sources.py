"""Documents of a corpus, from shards or from the files that people have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UsageError
from ...io import read_sequences, read_smiles
from ...io.text import open_bytes
from .documents import TokenDocuments
from .token_array import TokenArray
from .token_shards import TokenShards

if TYPE_CHECKING:
    from ...tokenizers import BioTokenizer

_STARTS = (b">", b"@", b"LOCUS")


def open_documents(path: str | Path, tokenizer: BioTokenizer | None = None) -> TokenDocuments:
    r"""The documents of a folder of token shards, or of a file of sequences or molecules.

    Parameters
    ----------
    path
        The folder, or a FASTA, FASTQ, GenBank or SMILES file, plain or gzipped, which is encoded
        and held in memory.
    tokenizer
        What the model reads with; a file cannot be read without.

    Raises
    ------
    InputError
        As :meth:`TokenShards.open`, or as the reader of the file.
    UsageError
        If it is a file and there is no tokenizer.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> _ = Path("two.fa").write_text(">a\nACGT\n>b\nGG\n")
    >>> len(open_documents("two.fa", DNATokenizer()))
    2
    """
    place = Path(path)
    if not place.is_file():
        return TokenShards.open(place, tokenizer)
    if tokenizer is None:
        raise UsageError(
            "A file of sequences does not say which tokenizer reads it.",
            where=f"[data], {place}",
            fix="Name one: [tokenizer] name = ..., or give a folder of token shards.",
        )
    facts = {"sha256": file_sha256(place), "tokenizer": {"name": tokenizer.name}}
    return TokenArray(_texts(place), tokenizer, manifest=facts)


def file_sha256(path: str | Path) -> str:
    """The sha256 of a file, read piece by piece."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def starts_with(path: str | Path, *marks: bytes) -> bool:
    """Whether a file, unpacked, starts with one of some marks.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with open_bytes(path) as handle:
        return handle.peek(4096)[:4096].lstrip().startswith(marks)


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    records = read_sequences(path) if starts_with(path, *_STARTS) else read_smiles(path)
    return ((record.name, record.sequence) for record in records)
