"""Text of biology to ids and back: one vocabulary and one interface for every model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .characters import CharacterTokenizer
    from .dna import DNATokenizer
    from .fim import (
        ProteinTokens,
        concatenate_homologs,
        fill_in,
        infill_positions,
        infill_prompt,
        read_fills,
        restore_spans,
        sample_spans,
        span_tokens,
    )
    from .kmer import KmerTokenizer
    from .lut import ByteTable
    from .masking import mask_tokens
    from .padding import pad_rows
    from .protein import ProteinTokenizer
    from .registry import get_tokenizer, register_tokenizer, tokenizer_names
    from .smiles import SmilesTokenizer, join_molecules
    from .smiles_legacy import LegacySmilesTokenizer
    from .smiles_selfies import SelfiesTokenizer
    from .storage import load_tokenizer
    from .strands import complement_ids, reverse_complement, reverse_complement_ids
    from .tokenizer import BioTokenizer
    from .vocabulary import Vocabulary

_HOMES = {
    "BioTokenizer": "tokenizer",
    "ByteTable": "lut",
    "CharacterTokenizer": "characters",
    "DNATokenizer": "dna",
    "KmerTokenizer": "kmer",
    "LegacySmilesTokenizer": "smiles_legacy",
    "ProteinTokenizer": "protein",
    "ProteinTokens": "fim",
    "SelfiesTokenizer": "smiles_selfies",
    "SmilesTokenizer": "smiles",
    "Vocabulary": "vocabulary",
    "complement_ids": "strands",
    "concatenate_homologs": "fim",
    "fill_in": "fim",
    "get_tokenizer": "registry",
    "infill_positions": "fim",
    "infill_prompt": "fim",
    "join_molecules": "smiles",
    "load_tokenizer": "storage",
    "mask_tokens": "masking",
    "pad_rows": "padding",
    "read_fills": "fim",
    "register_tokenizer": "registry",
    "restore_spans": "fim",
    "reverse_complement": "strands",
    "reverse_complement_ids": "strands",
    "sample_spans": "fim",
    "span_tokens": "fim",
    "tokenizer_names": "registry",
}

__all__ = [
    "BioTokenizer",
    "ByteTable",
    "CharacterTokenizer",
    "DNATokenizer",
    "KmerTokenizer",
    "LegacySmilesTokenizer",
    "ProteinTokenizer",
    "ProteinTokens",
    "SelfiesTokenizer",
    "SmilesTokenizer",
    "Vocabulary",
    "complement_ids",
    "concatenate_homologs",
    "fill_in",
    "get_tokenizer",
    "infill_positions",
    "infill_prompt",
    "join_molecules",
    "load_tokenizer",
    "mask_tokens",
    "pad_rows",
    "read_fills",
    "register_tokenizer",
    "restore_spans",
    "reverse_complement",
    "reverse_complement_ids",
    "sample_spans",
    "span_tokens",
    "tokenizer_names",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
