"""Tiny random models, opened once for all tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from biosequence.inference import LoadedModel, load_model


@pytest.fixture(scope="session")
def tiny(sequence_models: Callable[[str], Path]) -> Callable[[str], LoadedModel]:
    """A loaded model by name: dna, dna_masked, protein, smiles, mamba, mamba_protein."""
    return cache(lambda name: load_model(sequence_models(name), device="cpu"))
