"""Imports point one way: every arrow in the code is one that the design allows."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "biosequence": "biosequence",
    "cellmodels": "cellmodels",
    "cli": "bioseq_cli",
    "data_recipes": "bioseq_recipes",
}
# Each room may import rooms of a lower floor, and itself.
ROOMS = {"biosequence": 0, "cellmodels": 1, "bioseq_recipes": 2, "bioseq_cli": 3}
SHARED = (
    "_version",
    "atomic",
    "disk",
    "complement",
    "demo",
    "errors",
    "extras",
    "device",
    "progress",
    "provenance",
)
BIOSEQUENCE = dict.fromkeys(SHARED, 0) | {
    "tokenizers": 1,
    "io": 1,
    "kernels": 2,
    "layers": 3,
    "models": 4,
    "inference": 5,
    "training": 5,
    "evaluation": 6,
}
# Evaluation judges what inference gives, whoever trained it.
APART = {("evaluation", "training")}
CELLMODELS = {
    "keys": 0,
    "genes": 0,
    "ontology": 0,
    "stream": 1,
    "knowledge": 1,
    "metrics": 1,
    "inputs": 2,
    "writing": 2,
    "llm": 2,
    # Cell tokenizers read what the input room makes of a matrix.
    "tokenizers": 3,
    # What an annotation says is plain data, which the report reads and the pipeline fills.
    "annotate.result": 3,
    "models": 4,
    "default": 4,
    "reports": 4,
    "annotate": 5,
    "calling": 6,
    "soar": 6,
    # Parts of tl that have files of their own.
    "finding": 7,
    "describing": 8,
    "embedding": 8,
    "few_shot": 8,
    "integration": 8,
    "pp": 9,
    "tl": 9,
    "pl": 9,
    "accessor": 10,
}
INNER = {"biosequence": BIOSEQUENCE, "cellmodels": CELLMODELS}
# llvmlite is how numba is told what its own functions cannot say.
KERNEL_IMPORTS = {"torch", "numba", "llvmlite", "triton", "numpy", "biosequence"}
LLM_LIBRARIES = {"inspect_ai", "openai", "anthropic", "litellm"}


def module_of(path: Path) -> str:
    """Import name of a file, given relative to the root."""
    folder, *rest = path.with_suffix("").parts
    return ".".join([FOLDERS[folder], *rest]).removesuffix(".__init__")


def arrows(path: Path, text: str) -> Iterator[str]:
    """Everything that a file imports, absolute, lazily or by name in a string included."""
    package = module_of(path)
    if path.name != "__init__.py":
        package = package.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                kept = parts[: len(parts) - node.level + 1]
                base = ".".join([*kept, *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _named(node)


def _named(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in ("import_module", "__import__", "require"):
        for value in call.args:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def violations(path: Path, text: str) -> list[str]:
    """A sentence for each arrow of a file that the design forbids."""
    return [
        f"{path}: imports {arrow}: {reason}"
        for arrow in arrows(path, text)
        for reason in reasons(path, module_of(path), arrow)
    ]


def reasons(path: Path, module: str, arrow: str) -> Iterator[str]:
    """Why the design forbids this arrow; nothing when it allows it."""
    room, target = module.split(".")[0], arrow.split(".")[0]
    if target in ("cli", "data_recipes", "tests", "benchmarks"):
        yield "that name exists in the repository only"
    if target in ROOMS and ROOMS[target] > ROOMS[room]:
        yield f"{room} lies below {target}"
    if target == room and room in INNER:
        yield from _inner(INNER[room], module, arrow)
    yield from _doors(path, module, arrow)


def _inner(floors: dict[str, int], module: str, arrow: str) -> Iterator[str]:
    parts, wanted = module.split("."), arrow.split(".")
    if len(parts) < 2 or len(wanted) < 2:
        return
    here, there = _place(floors, parts), _place(floors, wanted)
    if here not in floors:
        yield f"{here} has no floor in this test's table; give it one"
    elif there in floors and there != here:
        both_shared = floors[here] == floors[there] == 0 and here in SHARED
        if (here, there) in APART or (floors[there] >= floors[here] and not both_shared):
            yield f"{here} may not import {there}"


def _place(floors: dict[str, int], parts: list[str]) -> str:
    """The room of a module, or the module itself where it has a floor of its own."""
    own = ".".join(parts[1:3])
    return own if own in floors else parts[1]


def _doors(path: Path, module: str, arrow: str) -> Iterator[str]:
    """Heavy third parties have one door each."""
    target, place = arrow.split(".")[0], path.as_posix()
    training = place.startswith("biosequence/training/")
    if target == "deepspeed" and not training:
        yield "deepspeed belongs to biosequence/training"
    if target == "transformers" and arrow.endswith(("Trainer", "TrainingArguments")):
        if not training:
            yield "the Trainer belongs to biosequence/training"
    if target == "triton" and not (
        place.startswith("biosequence/kernels/") and path.name == "triton.py"
    ):
        yield "triton belongs to kernels/*/triton.py"
    if target in LLM_LIBRARIES and not place.startswith("cellmodels/llm/"):
        yield "LLM libraries belong to cellmodels/llm"
    if target == "rdkit" and not any(word in place for word in ("smiles", "molecule", "chem")):
        yield "rdkit belongs to chemistry files"
    if target in ("click", "rich") and not module.startswith("bioseq_cli"):
        yield "the command line belongs to cli"
    if module.startswith("biosequence.layers") and target == "transformers":
        yield "layers know nothing of transformers"
    if module.startswith("biosequence.kernels"):
        known = sys.stdlib_module_names | KERNEL_IMPORTS
        if target not in known:
            yield "kernels import torch, numba and triton only"


def sources() -> list[Path]:
    return sorted(
        path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
    )


def test_every_arrow_is_allowed() -> None:
    files = sources()
    assert len(files) > 20
    found = [
        sentence
        for path in files
        for sentence in violations(path, (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


PLANTED = [
    ("biosequence/errors.py", "import cellmodels"),
    ("biosequence/models/x.py", "def f():\n    from cellmodels.genes import map_genes"),
    ("cellmodels/genes/x.py", "from bioseq_cli import main"),
    ("cellmodels/genes/x.py", "import importlib\nimportlib.import_module('bioseq_recipes.genes')"),
    ("cellmodels/annotate/x.py", "from data_recipes import gene_table"),
    ("data_recipes/gene_table/x.py", "import bioseq_cli.main"),
    ("cli/main.py", "import cli.failures"),
    ("biosequence/kernels/ssd/cpu.py", "from ...layers import norms"),
    ("biosequence/layers/norms.py", "from ..models.biomamba import x"),
    ("biosequence/layers/norms.py", "import transformers"),
    ("biosequence/kernels/ssd/cpu.py", "import scipy"),
    ("biosequence/models/x.py", "from biosequence import training"),
    ("biosequence/training/x.py", "from ..inference import generate"),
    ("biosequence/inference/x.py", "from ..evaluation import measure"),
    ("biosequence/training/x.py", "from ..evaluation import measure"),
    ("biosequence/evaluation/x.py", "from ..training import train"),
    ("cellmodels/stream/h5ad.py", "from ..inputs import check_input"),
    ("cellmodels/reports/html.py", "from cellmodels.annotate.pipeline import annotate_file"),
    ("cellmodels/annotate/result.py", "from .voting import vote"),
    ("cellmodels/newroom/x.py", "from ..genes import map_genes"),
    ("cellmodels/models/x.py", "import deepspeed"),
    ("cellmodels/models/x.py", "from transformers import Trainer"),
    ("biosequence/kernels/ssd/cpu.py", "import triton"),
    ("cellmodels/soar/x.py", "require('llm', 'inspect_ai')"),
    ("biosequence/io/fasta.py", "from rdkit import Chem"),
    ("cellmodels/tl.py", "import rich.console"),
]


@pytest.mark.parametrize(("path", "text"), PLANTED)
def test_a_planted_violation_is_caught(path: str, text: str) -> None:
    assert violations(Path(path), text)


ALLOWED = [
    ("biosequence/extras.py", "from .errors import MissingExtraError"),
    ("biosequence/kernels/ssd/triton.py", "import triton\nfrom ...errors import UsageError"),
    ("biosequence/models/x.py", "from ..layers import norms\nfrom transformers import AutoConfig"),
    ("biosequence/training/x.py", "import deepspeed\nfrom transformers import Trainer"),
    ("biosequence/io/smiles.py", "from rdkit import Chem"),
    ("cellmodels/inputs/x.py", "from ..stream import CellSource\nfrom .state import y"),
    ("cellmodels/__init__.py", "from . import tl"),
    ("cellmodels/reports/html.py", "from cellmodels.annotate.result import ClusterAnswer"),
    ("cli/commands/annotate.py", "from cellmodels.annotate import annotate_file"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_an_allowed_arrow_passes(path: str, text: str) -> None:
    assert violations(Path(path), text) == []


@pytest.mark.parametrize("package", ["biosequence", "cellmodels", "bioseq_recipes", "bioseq_cli"])
def test_importing_a_package_is_light(package: str) -> None:
    heavy = "{'torch', 'scanpy', 'transformers', 'matplotlib', 'pandas', 'numba'}"
    code = f"import sys, {package}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
