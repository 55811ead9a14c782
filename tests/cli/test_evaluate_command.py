"""`bioseq evaluate`: every suite writes one table in three files, and errors are three lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bioseq_cli.commands import evaluate
from bioseq_cli.main import main

from biosequence.evaluation import SUITES


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Code, stdout and stderr of `bioseq evaluate`."""

    def call(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *map(str, args)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "x.fa").write_text(">a\nACGTTACG\n>b\nACCA\n")
    (tmp_path / "x.smi").write_text("CCO\nc1ccccc1\nCCN\n")
    (tmp_path / "sets.txt").write_text("CCO.CN.C\nC.CC.CCC\n")
    assays = tmp_path / "assays"
    assays.mkdir()
    (assays / "A.csv").write_text(
        "mutant,mutated_sequence,DMS_score\nK2R,MRTAYI,1\nT3S,MKSAYI,2\nA4G,MKTGYI,3\n"
    )
    (assays / "A.a3m").write_text(">q\nMKTAYI\n>h\nMRTAYI\n")
    rows = "".join(f"{'ACGT' * 5}{'AT'[n % 2] * 6},{n % 2}\n" for n in range(40))
    (tmp_path / "train.csv").write_text("sequence,label\n" + rows)
    (tmp_path / "test.csv").write_text("sequence,label\n" + rows)
    return tmp_path


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    from biosequence.models import BioMambaConfig, BioMambaForSequenceClassification
    from biosequence.tokenizers import DNATokenizer

    config = BioMambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1, num_labels=2)
    BioMambaForSequenceClassification(config).save_pretrained(tmp_path / "classifier")
    DNATokenizer().save(tmp_path / "classifier")
    return tmp_path / "classifier"


CASES = {
    "perplexity": ("dna", ["--data", "x.fa"]),
    "in-context": ("smiles", ["--data", "sets.txt"]),
    "proteingym": ("protein", ["--data", "assays", "--context", "assays", "--masked"]),
    "molecules": ("smiles", ["--train", "x.smi", "--num", "5", "--data", "x.smi"]),
    "probe": ("dna", ["--data", ".", "--layer", "1", "--pool", "last", "--strands", "both"]),
    "nt": ("classifier", ["--data", ".", "--baseline", "kmer", "--limit", "10"]),
    "genomic-benchmarks": ("classifier", ["--data", ".", "--strands", "both"]),
}


def test_the_command_knows_every_suite_and_its_options() -> None:
    assert set(evaluate.SUITES) == set(SUITES) == set(CASES)
    taken = frozenset().union(*(suite.takes for suite in SUITES.values()))
    assert taken == {*evaluate.OWN, "data"}


@pytest.mark.parametrize("suite", CASES)
def test_every_suite_writes_one_table(
    run, sequence_models, classifier, files: Path, monkeypatch, suite: str
) -> None:
    monkeypatch.chdir(files)
    kind, words = CASES[suite]
    model = classifier if kind == "classifier" else sequence_models(kind)
    code, out, err = run(suite, model, "-o", "out/r", *words, "--json", "--device", "cpu")
    assert code == 0, err
    assert err == ""
    told = json.loads(out)
    written = json.loads((files / "out" / "r.json").read_text())
    assert told["rows"] == written["rows"]
    assert written["rows"]
    page = (files / "out" / "r.md").read_text()
    assert page.count("\n| ") == len(written["rows"]) + 1
    assert (files / "out" / "r.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (files / "out").iterdir()) == ["r.json", "r.md", "r.png"]
    assert len(written["provenance"]["model_sha256"]) == 64


def test_people_get_lines(run, sequence_models, files: Path) -> None:
    code, out, _ = run(
        "perplexity", sequence_models("dna"), "--data", files / "x.fa", "-o", files / "r"
    )
    assert code == 0
    assert "perplexity: " in out
    assert f"written: {files / 'r.json'}" in out


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (2, ["nt", "dna", "-o", "r"], "needs --data"),
        (2, ["molecules", "smiles", "-o", "r"], "needs --train"),
        (2, ["perplexity", "dna", "--data", "none.fa", "-o", "r"], "no such file"),
        (2, ["perplexity", "dna", "--data", "x.fa", "--num", "3", "-o", "r"], "does not belong"),
        (2, ["glue", "dna", "-o", "r"], "glue"),
        (3, ["perplexity", "dna", "--data", "x.fa", "-o", "."], "is a folder"),
        (3, ["perplexity", "dna", "--data", "x.smi", "-o", "r"], "x.smi"),
        (3, ["nt", "dna", "--data", "assays", "-o", "r"], "no task"),
        (4, ["nt", "dna", "--data", ".", "-o", "r"], "gives no labels"),
        (4, ["in-context", "dna", "--data", "sets.txt", "-o", "r"], "not of proteins"),
        (4, ["perplexity", "nowhere", "--data", "x.fa", "-o", "r"], "no such model"),
    ],
)
def test_what_cannot_be_done_is_said_in_three_lines(
    run, sequence_models, files: Path, monkeypatch, code: int, words: list[str], said: str
) -> None:
    monkeypatch.chdir(files)
    suite, model, *rest = words
    model = sequence_models(model) if model in ("dna", "smiles") else model
    before = sorted(path.name for path in files.rglob("*"))
    found, out, err = run(suite, model, *rest)
    assert found == code, err
    assert said in err
    assert out == ""
    assert len(err.splitlines()) <= 3
    assert "defect" not in err
    assert sorted(path.name for path in files.rglob("*")) == before
