"""Kernels are tested on memory that holds NaN where nothing was written."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def poisoned_memory() -> Iterator[None]:
    """torch.empty and its kin give NaN, so that reading what was never written shows."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of tensors that published implementations gave."""
    return Path(__file__).parents[2] / "golden"


@pytest.fixture(params=["compiled loops", "torch products"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mLSTM on the CPU as it is where numba is installed, and as it is where it is not."""
    if request.param == "torch products":
        way = import_module("biosequence.kernels.mlstm.cpu")
        monkeypatch.setattr(way, "numba_missing", lambda: "left out by the test")
