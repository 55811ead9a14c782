"""`bioseq data`: lists, whole corpora, and three-line errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bioseq_cli.main import main

FASTA = "".join(f">r{number}\n{'ACGT' * number}\n" for number in range(1, 30))


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `bioseq data`: its exit code and what it printed on stdout and stderr."""

    def call(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["data", *map(str, args)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "contigs.fa"
    path.write_text(FASTA)
    return path


def test_the_list_has_every_recipe_with_its_facts(ran) -> None:
    code, text, _ = ran("list")
    assert code == 0
    assert "chembl" in text
    code, text, _ = ran("list", "--json")
    recipes = {one["name"]: one for one in json.loads(text)["recipes"]}
    assert len(recipes) == 13
    assert recipes["genome"]["files"][0]["url"].startswith("https://")
    assert "dirty" in recipes["icst"]["options"]


def test_prepare_and_verify(ran, fasta: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("prepare", "genomes", "-o", out, "--source", fasta, "--set", "test=0.2")
    code, text, error = ran(*words, "--workers", 1, "--json")
    assert (code, error) == (0, "")
    told = json.loads(text)
    assert told["options"]["test"] == 0.2
    assert told["counts"]["records"] == 29
    assert (out / "train" / "shard-00000.bin").is_file()
    code, text, error = ran("verify", out)
    assert (code, error) == (0, "")
    assert f"all {told['num_files']} files" in text
    (out / "train" / "shard-00000.bin").write_bytes(b"x")
    code, text, error = ran("verify", out)
    assert (code, text) == (3, "")
    assert "train/shard-00000.bin has 1 bytes" in error
    assert len(error.splitlines()) == 3


def test_the_summary_for_people(ran, fasta: Path, tmp_path: Path) -> None:
    code, text, _ = ran("prepare", "genomes", "-o", tmp_path / "out", "--source", fasta)
    assert code == 0
    assert "records: 29" in text
    assert "licence" in text
    assert ran("prepare", "genomes", "-o", tmp_path / "q", "--source", fasta, "--quiet")[1] == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["genoms"], 2, "Did you mean genome"),
        (["genomes"], 2, "--source"),
        (["genomes", "--source", "absent.fa"], 3, "no such file"),
        (["genomes", "--source", "contigs.fa", "--set", "tset=1"], 2, "no option 'tset'"),
        (["genomes", "--source", "contigs.fa", "--set", "test"], 2, "KEY=VALUE"),
        (["genomes", "--source", "contigs.fa", "--workers", "0"], 2, "--workers"),
        (["census"], 5, "bioseq-toolkit[census]"),
        (["proteingym", "--source", "contigs.fa"], 3, "DMS_substitutions.csv"),
    ],
)
def test_errors_are_three_lines_and_leave_nothing(
    ran, fasta: Path, tmp_path: Path, monkeypatch, words: list[str], code: int, said: str
) -> None:
    from biosequence import extras

    monkeypatch.setitem(extras.EXTRAS, "census", ("no_such_module",))
    monkeypatch.chdir(tmp_path)
    found, text, error = ran("prepare", *words, "-o", "out")
    assert (found, text) == (code, ""), error
    assert said in error
    assert error.startswith("error: ")
    assert 2 <= len(error.splitlines()) <= 3
    assert [path.name for path in tmp_path.iterdir()] == ["contigs.fa"]


def test_verify_wants_a_corpus(ran, tmp_path: Path) -> None:
    code, _, error = ran("verify", tmp_path)
    assert code == 3
    assert "no manifest.json" in error
