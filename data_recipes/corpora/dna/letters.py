"""How the DNA corpora read letters that are no base."""

from __future__ import annotations

# Soft-masked bases are bases, IUPAC codes are N; anything else is an error that names its place.
GENOME_DNA = {"soft_masked": "upper", "ambiguous": "N", "uracil": "T"}
