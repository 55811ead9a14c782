"""Nothing we ship reads a pickle: a model file or a cell file must never run code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("biosequence", "cellmodels", "cli", "data_recipes")
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def pickles(text: str) -> Iterator[str]:
    """Each place in the code that could read a pickle."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0]]
        else:
            names = []
        yield from (f"line {node.lineno}: imports {name}" for name in names if name in MODULES)
        if isinstance(node, ast.Call):
            yield from _calls(node)


def _calls(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in ("torch.load", "torch_load") and not _is(given.get("weights_only"), True):
        yield f"line {call.lineno}: torch.load without weights_only=True"
    if "allow_pickle" in given and not _is(given["allow_pickle"], False):
        yield f"line {call.lineno}: allow_pickle"
    if name.endswith("read_pickle"):
        yield f"line {call.lineno}: read_pickle"
    # Remote code is a pickle by another name.
    if "trust_remote_code" in given and not _is(given["trust_remote_code"], False):
        yield f"line {call.lineno}: trust_remote_code"


def _is(value: ast.expr | None, wanted: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


def test_no_file_reads_a_pickle() -> None:
    found = [
        f"{path.relative_to(ROOT)} {place}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for place in pickles(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "def f():\n    from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
    ],
)
def test_a_planted_pickle_is_caught(text: str) -> None:
    assert list(pickles(text))


@pytest.mark.parametrize("text", ["torch.load(p, weights_only=True)", "np.load(p)"])
def test_safe_loading_passes(text: str) -> None:
    assert list(pickles(text)) == []
