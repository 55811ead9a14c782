"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data, where BIOSEQ_SHARED names one."""
    folder = os.environ.get("BIOSEQ_SHARED")
    if not folder:
        pytest.skip("BIOSEQ_SHARED is not set: this test needs the shared data folder")
    return Path(folder)
