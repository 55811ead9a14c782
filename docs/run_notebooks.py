"""Run every notebook of the documentation again and store its output: `make notebooks`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parent


def run(path: Path) -> None:
    """Run one notebook in an empty folder, and write it back with its output."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        # Times would change with every run, and warnings speak of the machine that it was run on.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)
    print(path.relative_to(DOCS), f"{path.stat().st_size:,} bytes")


if __name__ == "__main__":
    # Notebooks run elsewhere, and find a checkout that is not installed all the same.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(DOCS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    for notebook_path in sorted(DOCS.glob("[!_]*/*.ipynb")):
        run(notebook_path)
