"""A run record is one JSON string that reads back the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from biosequence.provenance import RunRecord


def record(**changes: object) -> RunRecord:
    fields = {"command": "bioseq annotate", "options": {"layer": "auto"}, "seed": 0} | changes
    return RunRecord(**fields)


def test_the_record_reads_back_the_same() -> None:
    original = record()
    assert RunRecord.from_json(original.to_json()) == original


def test_paths_sets_and_numpy_values_become_plain() -> None:
    options = {"output": Path("a.h5ad"), "n": np.int64(3), "keys": {"b", "a"}, "v": np.ones(2)}
    told = json.loads(record(options=options).to_json())["options"]
    assert told == {"output": "a.h5ad", "n": 3, "keys": ["a", "b"], "v": [1.0, 1.0]}


def test_an_unknown_object_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        record(options={"x": object()}).to_json()


def test_versions_and_time_are_filled_in() -> None:
    told = json.loads(record().to_json())
    assert {"bioseq-toolkit", "torch", "anndata"} <= set(told["versions"])
    assert told["time"].endswith("+00:00")
