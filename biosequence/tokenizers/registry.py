"""Tokenizers by name."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from .tokenizer import BioTokenizer

_HOMES: dict[str, str] = {
    "dna": "biosequence.tokenizers.dna:DNATokenizer",
    "dna-kmer": "biosequence.tokenizers.kmer:KmerTokenizer",
    "protein": "biosequence.tokenizers.protein:ProteinTokenizer",
    "selfies": "biosequence.tokenizers.smiles_selfies:SelfiesTokenizer",
    "smiles": "biosequence.tokenizers.smiles:SmilesTokenizer",
    "smiles-legacy": "biosequence.tokenizers.smiles_legacy:LegacySmilesTokenizer",
}


def tokenizer_names() -> tuple[str, ...]:
    """Names that :func:`get_tokenizer` knows.

    Examples
    --------
    >>> "dna" in tokenizer_names()
    True
    """
    return tuple(sorted(_HOMES))


def register_tokenizer(name: str, home: str) -> None:
    """Make a tokenizer class known by name; other libraries add theirs.

    Parameters
    ----------
    name
        Its name, which is also the class attribute `name`.
    home
        Where it is, `module:Class`; imported on first use.

    Raises
    ------
    UsageError
        If the name belongs to another class.
    """
    if _HOMES.get(name, home) != home:
        raise UsageError(
            f"The tokenizer name {name!r} is taken by {_HOMES[name]}.",
            where=home,
            fix="Choose another name.",
        )
    _HOMES[name] = home


def tokenizer_class(name: str) -> type[BioTokenizer]:
    """The class of a name.

    Raises
    ------
    UsageError
        If there is none; the message names similar ones.
    """
    if name not in _HOMES:
        near = get_close_matches(name, _HOMES, n=3, cutoff=0.4)
        raise UsageError(
            f"There is no tokenizer {name!r}.",
            where=f"known: {', '.join(tokenizer_names())}",
            fix=f"Did you mean {' or '.join(near)}?" if near else "Use one of these names.",
        )
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def get_tokenizer(name: str, *given: Any, **options: Any) -> BioTokenizer:
    """A new tokenizer by name, with the options of its class.

    Raises
    ------
    UsageError
        If there is no such tokenizer; the message names similar ones.

    Examples
    --------
    >>> get_tokenizer("dna").encode("ACGT").tolist()
    [7, 8, 9, 10, 1]
    """
    return tokenizer_class(name)(*given, **options)
