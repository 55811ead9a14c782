"""Sequence models at work: they write, score and embed, streaming and in bounded memory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import run_in_batches
    from .converting import convert_checkpoint
    from .decoding import Constraint, Prompt, Sample, generate_ids
    from .dna import generate_dna
    from .embed import Embedding, embed_file, embed_records
    from .generation import Generated, GenerateOptions
    from .generation_run import GenerateRequest, GenerateSummary, run_generation
    from .loading import LoadedModel, load_model
    from .long import (
        Context,
        LogLikelihood,
        read_context,
        stream_log_likelihood,
        stream_logits,
        stream_token_log_probs,
    )
    from .molecule_report import MoleculeReport, report_molecules
    from .molecules import generate_molecules
    from .mutation_tables import score_mutation_file
    from .mutations import score_mutants
    from .proteins import generate_proteins, infill_proteins, parse_spans
    from .resumable import ResumableRows, fingerprint
    from .sampling import Sampling
    from .score import SequenceScore, score_file, score_records
    from .smiles_constraint import SmilesConstraint
    from .variants import score_variants, score_vcf

_HOMES = {
    "Constraint": "decoding",
    "Context": "long",
    "Embedding": "embed",
    "GenerateOptions": "generation",
    "GenerateRequest": "generation_run",
    "GenerateSummary": "generation_run",
    "Generated": "generation",
    "LoadedModel": "loading",
    "LogLikelihood": "long",
    "MoleculeReport": "molecule_report",
    "Prompt": "decoding",
    "ResumableRows": "resumable",
    "Sample": "decoding",
    "Sampling": "sampling",
    "SequenceScore": "score",
    "SmilesConstraint": "smiles_constraint",
    "convert_checkpoint": "converting",
    "embed_file": "embed",
    "embed_records": "embed",
    "fingerprint": "resumable",
    "generate_dna": "dna",
    "generate_ids": "decoding",
    "generate_molecules": "molecules",
    "generate_proteins": "proteins",
    "infill_proteins": "proteins",
    "load_model": "loading",
    "parse_spans": "proteins",
    "read_context": "long",
    "report_molecules": "molecule_report",
    "run_generation": "generation_run",
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
    "Constraint",
    "Context",
    "Embedding",
    "GenerateOptions",
    "GenerateRequest",
    "GenerateSummary",
    "Generated",
    "LoadedModel",
    "LogLikelihood",
    "MoleculeReport",
    "Prompt",
    "ResumableRows",
    "Sample",
    "Sampling",
    "SequenceScore",
    "SmilesConstraint",
    "convert_checkpoint",
    "embed_file",
    "embed_records",
    "fingerprint",
    "generate_dna",
    "generate_ids",
    "generate_molecules",
    "generate_proteins",
    "infill_proteins",
    "load_model",
    "parse_spans",
    "read_context",
    "report_molecules",
    "run_generation",
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
