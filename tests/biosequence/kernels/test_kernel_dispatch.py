"""A call runs on the first back end that can, and whoever asks learns why the others could not."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

import biosequence.kernels as kernels
from biosequence.errors import UsageError
from biosequence.kernels.dispatch import Backend, Dispatcher


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    monkeypatch.setattr("biosequence.kernels.dispatch._DISPATCHERS", {})
    return Dispatcher(
        "root",
        [
            Backend("absent", "no_such_module:f", available=lambda: "it is not installed"),
            Backend("real", "math:sqrt", accepts=lambda x: "x is negative" if x < 0 else None),
            Backend("complex", "cmath:sqrt"),
        ],
    )


def test_the_first_that_can_runs(roots: Dispatcher) -> None:
    assert roots(4.0) == 2.0
    assert roots(-4.0) == 2j
    assert roots.explain(-4.0) == [
        ("absent", "it is not installed"),
        ("real", "x is negative"),
        ("complex", ""),
    ]


def test_a_named_one_runs_or_says_why_not(roots: Dispatcher) -> None:
    assert roots(4.0, backend="complex") == 2 + 0j
    with pytest.raises(UsageError, match="cannot run this call: x is negative"):
        roots(-4.0, backend="real")
    with pytest.raises(UsageError, match="Choose one of: absent, real, complex"):
        roots(4.0, backend="imaginary")


def test_each_rejection_is_logged_once(roots: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="biosequence.kernels"):
        for number in (-1.0, -4.0, 9.0):
            roots(number)
    assert len(caplog.messages) == 2


def test_every_op_has_a_back_end_that_this_machine_can_run() -> None:
    found = kernels.backends()
    assert {"selective_scan", "ssd", "causal_conv1d"} <= set(found)
    for names in found.values():
        assert dict(names)["naive"] == ""


def test_an_op_is_a_function_whatever_was_imported_first() -> None:
    code = (
        "import biosequence.kernels.ssd.naive, biosequence.kernels.causal_conv\n"
        "import biosequence.kernels.dispatch\n"
        "from biosequence.kernels import ssd\n"
        "import biosequence.kernels as kernels\n"
        "assert callable(ssd) and callable(kernels.ssd) and callable(kernels.selective_scan)\n"
        "from biosequence.kernels.selective_scan import selective_scan\n"
        "assert kernels.selective_scan is selective_scan\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
