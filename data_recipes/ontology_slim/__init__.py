"""Build the slim Cell Ontology and tissue ontology that the wheel bundles."""

from __future__ import annotations

from .build import build_tables

__all__ = ["build_tables"]
