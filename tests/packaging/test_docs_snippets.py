"""What README and documentation tell people to type works as written."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import click
import pytest
from bioseq_cli.main import COMMANDS, bioseq, main

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(
        path
        for path in (ROOT / "docs").rglob("*")
        if path.suffix in (".md", ".ipynb") and "_build" not in path.relative_to(ROOT).parts
    ),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MARKERS = """cluster,markers
0,"CD79A,MS4A1,CD74,CD79B,HLA-DRA,CD37,BANK1,TNFRSF13C,LINC00926,VPREB3"
1,"LYZ,S100A9,S100A8,CD14,FCN1,VCAN,CST3,S100A12,MNDA,CSTA"
"""


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of one language; a notebook's code cells are its Python."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return ["".join(cell["source"]) for cell in cells] if language == "python" else []
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of a page's console blocks, as lists of words."""
    for body in blocks(page, "console"):
        for line in body.splitlines():
            if line.startswith("$ "):
                yield shlex.split(line.removeprefix("$ "))


def extras() -> set[str]:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return set(parser["options.extras_require"])


def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^(\w+):", text, re.MULTILINE))


def check_install(words: list[str]) -> None:
    for wanted in words[2:]:
        name, _, rest = wanted.partition("[")
        assert name == "bioseq-toolkit"
        assert set(filter(None, rest.rstrip("]").split(","))) <= extras()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place with the files that the pages speak of, small and real."""
    import scanpy as sc

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    cells = sc.datasets.pbmc68k_reduced()
    del cells.obs["bulk_labels"]
    cells.raw.var["gene_ids"] = cells.raw.var_names.to_numpy()
    cells.var["gene_ids"] = cells.var_names.to_numpy()
    cells.write_h5ad("cells.h5ad")
    Path("markers.csv").write_text(MARKERS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def models(folder: Path) -> None:
    """The models that the pages speak of, which know nothing."""
    import anndata as ad

    from cellmodels.models.langcell import LangCellConfig, LangCellModel

    from ..tiny_langcell import TOWER, processor

    reader = processor(ad.read_h5ad("cells.h5ad").raw.to_adata())
    config = LangCellConfig(
        cell_config={"model_type": "bert", "vocab_size": len(reader), **TOWER},
        text_config={"vocab_size": len(reader.text), **TOWER},
        projection_dim=16,
    )
    LangCellModel(config).save_pretrained("langcell")
    reader.save("langcell")


def run(words: list[str]) -> None:
    """Run a `bioseq` command, or only parse it when its file is not one of the folder's."""
    name, *args = words
    command = bioseq.get_command(click.Context(bioseq), name)
    assert command is not None, f"no command {name}"
    if isinstance(command, click.Group):
        inner, *args = args
        command = command.commands[inner]
    context = command.make_context(name, list(args))
    path = context.params.get("input") or context.params.get("recipe")
    # No page can bring a model or a corpus along.
    if "model" in context.params and path is None and not Path(words[1]).is_dir():
        return
    if {"source", "folder"} & set(context.params):
        return
    if path is None or path.is_file():
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0 or name == "doctor", shlex.join(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_console_blocks_work(page: Path, folder: Path) -> None:
    for words in commands(page):
        match words:
            case ["bioseq", *rest]:
                run(rest)
            case ["torchrun" | "deepspeed", *_] if "bioseq_cli" in words:
                run(words[words.index("bioseq_cli") + 1 :])
            case ["make", target, *_]:
                assert target in targets()
            case ["pip", "install", *_]:
                check_install(words)
            case _:
                pytest.fail(f"no rule for testing: {shlex.join(words)}")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page, "python")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_blocks_run(page: Path, folder: Path, models: None) -> None:
    shutil.copy(folder / "cells.h5ad", folder / "before.h5ad")
    exec(compile("\n".join(blocks(page, "python")), str(page), "exec"), {})
    assert (folder / "cells.h5ad").read_bytes() == (folder / "before.h5ad").read_bytes()


def test_every_command_is_documented() -> None:
    reference = (ROOT / "docs" / "engineer" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"```{{command-help}} {name}\n" in reference


def test_a_wrong_snippet_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ bioseq annotate x.h5ad --nope\n```\n", encoding="utf-8")
    ((_, *words),) = commands(page)
    with pytest.raises(click.UsageError):
        run(words)
    with pytest.raises(AssertionError):
        check_install(["pip", "install", "bioseq-toolkit[nope]"])


def test_the_exit_codes_of_the_readme_are_the_errors() -> None:
    from biosequence import errors

    table = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    ours = {kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    assert ours <= told
