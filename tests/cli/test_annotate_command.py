"""`bioseq annotate` hands its options on as they were given and prints what it promises."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bioseq_cli.main import main

DEFAULTS = {
    "output": None,
    "report": None,
    "method": "auto",
    "tissue": None,
    "organism": "auto",
    "candidates": None,
    "cluster_key": None,
    "cluster": True,
    "layer": "auto",
    "gene_key": None,
    "min_confidence": 0.0,
    "llm": None,
    "model": None,
    "device": "auto",
    "batch_size": 4096,
    "seed": 0,
    "dask": None,
}


class Summary:
    def lines(self) -> list[str]:
        return ["3 cells", "2 types"]

    def to_dict(self) -> dict[str, Any]:
        return {"n_cells": 3, "output": "x.annotated.h5ad"}


@dataclass
class Calls:
    seen: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """A stand-in for the pipeline that notes how it was called."""
    calls = Calls()
    module = ModuleType("cellmodels.annotate")
    module.AnnotateOptions = dict

    def annotate_file(path: Path, options: dict[str, Any]) -> Summary:
        calls.seen.append((path, options))
        return Summary()

    module.annotate_file = annotate_file
    monkeypatch.setitem(sys.modules, "cellmodels.annotate", module)
    return calls


def bioseq(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["annotate", *args])
    return ended.value.code


def test_the_defaults_are_the_contracts(calls: Calls) -> None:
    assert bioseq("cells.h5ad") == 0
    assert calls.seen == [(Path("cells.h5ad"), DEFAULTS)]


@pytest.mark.parametrize(
    ("args", "changed"),
    [
        (["-o", "out.h5ad"], {"output": Path("out.h5ad")}),
        (["--report", "r.html"], {"report": Path("r.html")}),
        (["--no-report"], {"report": False}),
        (["--no-cluster"], {"cluster": False}),
        (["--cluster-key", "leiden"], {"cluster_key": "leiden"}),
        (["--candidates", "B cell, CL:0000623"], {"candidates": "B cell, CL:0000623"}),
        (["--method", "llm", "--llm", "a/b"], {"method": "llm", "llm": "a/b"}),
        (["--min-confidence", "0.5"], {"min_confidence": 0.5}),
        (["--dask", "tcp://host:8786"], {"dask": "tcp://host:8786"}),
        (["--organism", "mouse", "--tissue", "lung"], {"organism": "mouse", "tissue": "lung"}),
    ],
)
def test_each_option_arrives(calls: Calls, args: list[str], changed: dict[str, Any]) -> None:
    assert bioseq("cells.h5ad", *args) == 0
    assert calls.seen[0][1] == DEFAULTS | changed


def test_a_list_of_candidates_may_be_longer_than_a_file_name(calls: Calls) -> None:
    text = ", ".join(["B cell"] * 100)
    assert bioseq("cells.h5ad", "--candidates", text) == 0
    assert calls.seen[0][1]["candidates"] == text


def test_candidates_come_from_a_file_one_a_line(calls: Calls, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("B cell\n\nT cell, CD4-positive\n", encoding="utf-8")
    assert bioseq("cells.h5ad", "--candidates", str(names)) == 0
    assert calls.seen[0][1]["candidates"] == ("B cell", "T cell, CD4-positive")


def test_people_get_lines(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    bioseq("cells.h5ad")
    assert capsys.readouterr() == ("3 cells\n2 types\n", "")


def test_json_is_exactly_one_object(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    bioseq("cells.h5ad", "--json")
    assert json.loads(capsys.readouterr().out) == Summary().to_dict()


def test_quiet_prints_nothing(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    bioseq("cells.h5ad", "--quiet")
    assert capsys.readouterr() == ("", "")


def test_the_options_are_those_of_the_pipeline() -> None:
    """The real `AnnotateOptions` takes every option that the command gives."""
    from cellmodels.annotate import AnnotateOptions

    AnnotateOptions(**DEFAULTS)
