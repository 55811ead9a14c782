"""Sequence models at work: they write, score and embed, streaming and in bounded memory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import run_in_batches
    from .decoding import Constraint, Prompt, Sample, generate_ids
    from .dna import generate_dna
    from .generation import Generated, GenerateOptions
    from .generation_run import GenerateRequest, GenerateSummary, run_generation
    from .loading import LoadedModel, load_model
    from .molecule_report import MoleculeReport, report_molecules
    from .molecules import generate_molecules
    from .proteins import generate_proteins, infill_proteins, parse_spans
    from .resumable import ResumableRows, fingerprint
    from .sampling import Sampling
    from .smiles_constraint import SmilesConstraint

_HOMES = {
    "Constraint": "decoding",
    "GenerateOptions": "generation",
    "GenerateRequest": "generation_run",
    "GenerateSummary": "generation_run",
    "Generated": "generation",
    "LoadedModel": "loading",
    "MoleculeReport": "molecule_report",
    "Prompt": "decoding",
    "ResumableRows": "resumable",
    "Sample": "decoding",
    "Sampling": "sampling",
    "SmilesConstraint": "smiles_constraint",
    "fingerprint": "resumable",
    "generate_dna": "dna",
    "generate_ids": "decoding",
    "generate_molecules": "molecules",
    "generate_proteins": "proteins",
    "infill_proteins": "proteins",
    "load_model": "loading",
    "parse_spans": "proteins",
    "report_molecules": "molecule_report",
    "run_generation": "generation_run",
    "run_in_batches": "batches",
}

__all__ = [
    "Constraint",
    "GenerateOptions",
    "GenerateRequest",
    "GenerateSummary",
    "Generated",
    "LoadedModel",
    "MoleculeReport",
    "Prompt",
    "ResumableRows",
    "Sample",
    "Sampling",
    "SmilesConstraint",
    "fingerprint",
    "generate_dna",
    "generate_ids",
    "generate_molecules",
    "generate_proteins",
    "infill_proteins",
    "load_model",
    "parse_spans",
    "report_molecules",
    "run_generation",
    "run_in_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
