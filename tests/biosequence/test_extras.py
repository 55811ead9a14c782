"""A missing optional part ends in the line that installs it."""

from __future__ import annotations

import json
from configparser import ConfigParser
from pathlib import Path

import pytest

from biosequence import extras
from biosequence.errors import MissingExtraError

SETUP = Path(__file__).parents[2] / "setup.cfg"


def test_require_gives_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.EXTRAS, "chem", ("json",))
    assert extras.require("chem", "json") is json


def test_a_missing_module_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.EXTRAS, "chem", ("no_such_module",))
    with pytest.raises(MissingExtraError) as caught:
        extras.require("chem", "no_such_module")
    assert caught.value.fix == 'pip install "bioseq-toolkit[chem]"'
    assert "no_such_module" in caught.value.what
    assert extras.missing_modules("chem") == ("no_such_module",)


def test_a_module_outside_the_extra_is_a_defect() -> None:
    with pytest.raises(KeyError):
        extras.require("chem", "json")


def test_every_extra_of_the_table_can_be_installed() -> None:
    parser = ConfigParser()
    parser.read(SETUP, encoding="utf-8")
    declared = parser["options.extras_require"]
    for extra, modules in extras.EXTRAS.items():
        for module in modules:
            assert module.replace("_", "-") in declared[extra]
