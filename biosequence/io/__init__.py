"""Files of sequences, intervals, variants and molecules to records, in constant memory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .a3m import Alignment, read_a3m
    from .fasta import read_fasta, write_fasta
    from .fastq import read_fastq
    from .genbank import read_genbank
    from .intervals import Interval, read_bed
    from .mutations import MutantScore, Mutation, apply_mutations, parse_mutations, read_dms
    from .records import Record
    from .reference import Reference
    from .sequences import read_sequences
    from .smiles_files import read_smiles
    from .vcf import Variant, VcfReader, check_reference

_HOMES = {
    "Alignment": "a3m",
    "Interval": "intervals",
    "MutantScore": "mutations",
    "Mutation": "mutations",
    "Record": "records",
    "Reference": "reference",
    "Variant": "vcf",
    "VcfReader": "vcf",
    "apply_mutations": "mutations",
    "check_reference": "vcf",
    "parse_mutations": "mutations",
    "read_a3m": "a3m",
    "read_bed": "intervals",
    "read_dms": "mutations",
    "read_fasta": "fasta",
    "read_fastq": "fastq",
    "read_genbank": "genbank",
    "read_sequences": "sequences",
    "read_smiles": "smiles_files",
    "write_fasta": "fasta",
}

__all__ = [
    "Alignment",
    "Interval",
    "MutantScore",
    "Mutation",
    "Record",
    "Reference",
    "Variant",
    "VcfReader",
    "apply_mutations",
    "check_reference",
    "parse_mutations",
    "read_a3m",
    "read_bed",
    "read_dms",
    "read_fasta",
    "read_fastq",
    "read_genbank",
    "read_sequences",
    "read_smiles",
    "write_fasta",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
