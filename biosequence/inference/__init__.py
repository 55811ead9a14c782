"""Sequence models at work: they write, score and embed, streaming and in bounded memory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import run_in_batches
    from .converting import convert_checkpoint
    from .embed import Embedding, embed_file, embed_records
    from .loading import LoadedModel, load_model
    from .long import (
        Context,
        LogLikelihood,
        read_context,
        stream_log_likelihood,
        stream_logits,
        stream_token_log_probs,
    )
    from .mutation_tables import score_mutation_file
    from .mutations import score_mutants
    from .resumable import ResumableRows, fingerprint
    from .score import SequenceScore, score_file, score_records
    from .variants import score_variants, score_vcf

_HOMES = {
    "Context": "long",
    "Embedding": "embed",
    "LoadedModel": "loading",
    "LogLikelihood": "long",
    "ResumableRows": "resumable",
    "SequenceScore": "score",
    "convert_checkpoint": "converting",
    "embed_file": "embed",
    "embed_records": "embed",
    "fingerprint": "resumable",
    "load_model": "loading",
    "read_context": "long",
    "run_in_batches": "batches",
    "score_file": "score",
    "score_mutants": "mutations",
    "score_mutation_file": "mutation_tables",
    "score_records": "score",
    "score_variants": "variants",
    "score_vcf": "variants",
    "stream_log_likelihood": "long",
    "stream_logits": "long",
    "stream_token_log_probs": "long",
}

__all__ = [
    "Context",
    "Embedding",
    "LoadedModel",
    "LogLikelihood",
    "ResumableRows",
    "SequenceScore",
    "convert_checkpoint",
    "embed_file",
    "embed_records",
    "fingerprint",
    "load_model",
    "read_context",
    "run_in_batches",
    "score_file",
    "score_mutants",
    "score_mutation_file",
    "score_records",
    "score_variants",
    "score_vcf",
    "stream_log_likelihood",
    "stream_logits",
    "stream_token_log_probs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
