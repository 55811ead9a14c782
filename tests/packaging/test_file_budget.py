"""Files stay readable in one sitting."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
FOLDERS = ("biosequence", "cellmodels", "cli", "data_recipes")
FILE_CEILING = 600
FILE_MEDIAN = 200
FUNCTION_CEILING = 60


def sources() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def long_functions(text: str) -> list[str]:
    """Functions whose code, docstring left out, is over the ceiling."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                first = node.body[min(1, len(node.body) - 1)]
            length = (node.end_lineno or 0) - first.lineno + 1
            if length > FUNCTION_CEILING:
                found.append(f"{node.name} ({length} lines)")
    return found


def test_no_file_is_over_the_ceiling_and_most_are_short() -> None:
    lengths = {name: text.count("\n") for name, text in sources().items()}
    assert {name: n for name, n in lengths.items() if n > FILE_CEILING} == {}
    assert median(lengths.values()) <= FILE_MEDIAN


def test_no_function_is_over_the_ceiling() -> None:
    found = {name: long for name, text in sources().items() if (long := long_functions(text))}
    assert found == {}


def test_a_planted_long_function_is_caught() -> None:
    body = "\n".join(f"    x = {number}" for number in range(FUNCTION_CEILING + 1))
    assert long_functions(f"def f():\n{body}")
    assert not long_functions("def f():\n    x = 1")
