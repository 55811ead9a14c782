"""The notebook as it is stored; that its code runs is tested with the other pages."""

from __future__ import annotations

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[3] / "docs" / "biologist" / "quickstart_python.ipynb"
CEILING = 600_000


def test_the_notebook_was_run_from_top_to_bottom_without_errors_or_warnings() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert len(outputs) > 8
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_the_notebook_is_small() -> None:
    assert NOTEBOOK.stat().st_size < CEILING
