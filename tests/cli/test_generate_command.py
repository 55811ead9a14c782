"""`bioseq generate`: finished files in three formats, or three lines and nothing left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bioseq_cli.main import main

from biosequence.errors import InputError
from biosequence.inference import ResumableRows
from biosequence.io import read_fasta, read_smiles

Run = Callable[..., str]


@pytest.fixture
def model(sequence_models: Callable[[str], Path]) -> Callable[[str], str]:
    return lambda name: str(sequence_models(name))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Run:
    """Run `bioseq generate`, expect an exit code, and give what it printed on stdout."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["generate", "--device", "cpu", *args])
        captured = capsys.readouterr()
        assert ended.value.code == code, captured.err
        if code:
            lines = captured.err.splitlines()
            assert lines[0].startswith("error: ")
            assert 2 <= len(lines) <= 3, captured.err
            assert "defect" not in captured.err
            assert captured.out == ""
            return captured.err
        return captured.out

    return call


def test_dna_becomes_fasta(run: Run, model: Callable[[str], str]) -> None:
    Path("prompts.fa").write_text(">p\nTATAAA\n>q\nacgt\n")
    given = ("--prompts", "prompts.fa", "--num", "2", "--max-new-tokens", "90")
    told = run(model("dna"), "-o", "out.fa", *given)
    assert told.startswith("4 DNA sequences in out.fa")
    records = list(read_fasta("out.fa"))
    assert [record.name for record in records] == ["p_1", "p_2", "q_1", "q_2"]
    assert all(record.sequence.startswith("TATAAA") for record in records[:2])
    assert all("log_likelihood=-" in record.description for record in records)
    printed = run(model("dna"), *given, "--batch-size", "1")
    Path("printed.fa").write_text(printed)
    for one, other in zip(records, read_fasta("printed.fa"), strict=True):
        assert (one.name, one.sequence) == (other.name, other.sequence)
        # The likelihoods are sums over a batch, whose last digit is not a promise.
        likelihoods = [float(r.description.split()[0].split("=")[1]) for r in (one, other)]
        assert likelihoods[0] == pytest.approx(likelihoods[1], abs=1e-3)
    assert not Path("out.fa.partial").exists()


def test_proteins_are_filled_in_after_their_relatives(
    run: Run, model: Callable[[str], str]
) -> None:
    Path("family.a3m").write_text(">q\nMKTAYIAK\n>r\nM-TAcYIAK\n")
    run(
        *(model("protein"), "-o", "out.jsonl", "--prompt", "MKTAYIAK", "--infill", "3-4,7"),
        *("--context", "family.a3m", "--num", "3", "--max-new-tokens", "5"),
    )
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert len(rows) == 3
    for row in rows:
        first, second = row["fills"]
        assert row["sequence"] == f"MK{first}YI{second}K"


def test_molecules_are_judged(run: Run, model: Callable[[str], str]) -> None:
    Path("known.smi").write_text("C\nCC\nN\nO\nB\nS\n")
    told = run(
        *(model("smiles"), "-o", "out.smi", "--num", "12", "--max-new-tokens", "1", "--json"),
        *("--constrain", "--novelty-against", "known.smi", "--temperature", "2"),
    )
    summary = json.loads(told)
    molecules = list(read_smiles("out.smi"))
    assert summary["sequences"] == len(molecules) == 12
    report = summary["molecules"]
    assert report["molecules"] == 12
    assert report["valid"] >= report["unique"] >= report["novel"]
    assert 0 < report["validity"] <= 1


def test_json_on_stdout_is_one_object_with_the_sequences(
    run: Run, model: Callable[[str], str]
) -> None:
    summary = json.loads(run(model("dna"), "--num", "2", "--max-new-tokens", "3", "--json"))
    assert summary["output"] is None
    assert summary["text"].count(">generated_") == 2


def test_a_stopped_run_goes_on_to_the_same_file(
    run: Run, model: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (model("dna"), "--prompt", "ACG", "--num", "6", "--max-new-tokens", "9")
    run(*given, "-o", "whole.fa")
    append = ResumableRows.append

    def stopping(self: ResumableRows, row: dict) -> None:
        if self.count == 4:
            raise InputError("Stop.", where="here", fix="Go on.")
        append(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(ResumableRows, "append", stopping)
        run(*given, "-o", "out.fa", "--batch-size", "4", code=3)
    assert not Path("out.fa").exists()
    refused = run(*given, "-o", "out.fa", "--resume", "--seed", "9", code=3)
    assert "other options" in refused
    run(*given, "-o", "out.fa", "--resume", "--batch-size", "2")
    assert Path("out.fa").read_bytes() == Path("whole.fa").read_bytes()
    assert not Path("out.fa.partial").exists()


REFUSALS = [
    ("dna", ["--prompt", "ACGXT"], 3, "'X' at position 4"),
    ("dna", ["--prompt", ""], 3, "empty"),
    ("dna", ["--prompts", "empty.fa"], 3, "empty"),
    ("dna", ["--prompts", "absent.fa"], 3, "no such file"),
    ("dna", ["--prompts", "hollow.fa"], 3, "no sequence"),
    ("dna", ["--prompt", "A", "--prompts", "dna.fa"], 2, "--prompts"),
    ("dna", ["--context", "dna.fa"], 2, "--context"),
    ("dna", ["--infill", "2-3", "--prompt", "ACGT"], 2, "--infill"),
    ("dna", ["--constrain"], 2, "--constrain"),
    ("dna", ["--top-p", "0"], 2, "--top-p"),
    ("dna", ["-o", "out.smi"], 2, "smiles"),
    ("dna", ["-o", "out.pdf"], 2, "suffix"),
    ("dna", ["--resume"], 2, "--resume"),
    ("dna", ["--device", "cuda:77"], 2, "cuda:77"),
    ("protein", ["--infill", "3-99", "--prompt", "MKTAYIAK"], 3, "3-99 is outside"),
    ("protein", ["--infill", "9-3", "--prompt", "MKTAYIAK"], 2, "not a span"),
    ("protein", ["--infill", "3-4"], 2, "--infill"),
    ("protein", ["--context", "dna.fa"], 3, "context is DNA"),
    ("protein", ["--context", "known.smi"], 3, "neither FASTA"),
    ("smiles", ["--constrain", "--prompt", "CC)"], 3, "position 3"),
    ("smiles", ["--context", "dna.fa"], 3, "no part of SMILES"),
    ("smiles", ["--novelty-against", "absent.smi"], 3, "no such file"),
    ("dna_masked", [], 4, "next token"),
]


@pytest.mark.parametrize(("name", "args", "code", "told"), REFUSALS)
def test_what_cannot_be_done_leaves_nothing(
    run: Run, model: Callable[[str], str], name: str, args: list[str], code: int, told: str
) -> None:
    Path("empty.fa").write_text("")
    Path("hollow.fa").write_text(">a\n>b\nAC\n")
    Path("dna.fa").write_text(">gene\nACGTACGTACGTACGTACGTACGT\n")
    Path("known.smi").write_text("CCO\n")
    before = sorted(Path().iterdir())
    where = [] if "-o" in args or "--resume" in args else ["-o", "out.jsonl"]
    message = run(model(name), *args, *where, code=code)
    assert told in message
    assert sorted(Path().iterdir()) == before


def test_a_bad_prompt_in_the_middle_leaves_no_output(run: Run, model: Callable[[str], str]) -> None:
    Path("prompts.fa").write_text(">a\nACGT\n>b\nACGT\n>c\nAC1T\n")
    message = run(
        *(model("dna"), "-o", "out.fa", "--prompts", "prompts.fa"),
        *("--batch-size", "1", "--max-new-tokens", "2"),
        code=3,
    )
    assert "sequence 'c', position 3" in message
    assert not Path("out.fa").exists()


def test_an_absent_model_is_named(run: Run) -> None:
    assert "nowhere/at/all" in run("nowhere/at/all", code=4)
