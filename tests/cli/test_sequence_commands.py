"""`bioseq score`, `embed` and `convert`: whole files and three-line errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bioseq_cli.main import main

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n"


@pytest.fixture
def done(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that works; what it printed, which is all there is to see."""

    def call(*args: object) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        captured = capsys.readouterr()
        assert ended.value.code == 0, captured.err
        assert captured.err == ""
        return captured.out

    return call


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must refuse: its code, three lines, and no file more than before."""

    def call(code: int, *args: object) -> str:
        before = sorted(path.name for path in tmp_path.rglob("*"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        captured = capsys.readouterr()
        lines = captured.err.splitlines()
        assert ended.value.code == code, captured.err
        assert captured.out == ""
        assert lines[0].startswith("error: ")
        assert 2 <= len(lines) <= 3, captured.err
        assert "defect" not in captured.err
        assert sorted(path.name for path in tmp_path.rglob("*")) == before
        return captured.err

    return call


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "in.fa").write_text(">a\nACGTTACG\n>b\nACCA\n")
    (tmp_path / "ref.fa").write_text(">chr1\nACGTACGTACGT\n")
    (tmp_path / "v.vcf").write_text(HEAD + "chr1\t4\trs1\tT\tA\n")
    (tmp_path / "wild.fa").write_text(">w\nMKTAYI\n")
    (tmp_path / "list.txt").write_text("K2R\nT3S:A4G\n")
    (tmp_path / "homologs.fa").write_text(">h1\nMRTAYI\n>h2\nMKSAY\n")
    return tmp_path


def test_score_records(done, sequence_models, files: Path) -> None:
    told = done("score", sequence_models("dna"), files / "in.fa", "-o", files / "o.tsv", "--json")
    summary = json.loads(told)
    assert (summary["records"], summary["tokens"]) == (2, 10)
    assert len((files / "o.tsv").read_text().splitlines()) == 3
    assert not (files / "o.tsv.partial").exists()
    assert "perplexity" in done(
        "score", sequence_models("dna_masked"), files / "in.fa", "-o", files / "m.tsv", "--masked"
    )


def test_score_variants_and_mutations(done, sequence_models, files: Path) -> None:
    done(
        *("score", sequence_models("dna"), "--vcf", files / "v.vcf", "--strands", "both"),
        *("--reference", files / "ref.fa", "-o", files / "v.tsv", "--window", 8),
    )
    assert (files / "v.tsv").read_text().splitlines()[1].startswith("chr1\t4\trs1\tT\tA\t")
    scored = []
    for more in ((), ("--masked",)):
        told = done(
            *("score", sequence_models("protein"), "--mutations", files / "list.txt"),
            *("--wild-type", files / "wild.fa", "--context", files / "homologs.fa"),
            *("-o", files / "m.tsv", "--json", *more),
        )
        scored.append(json.loads(told))
    assert [one["method"] for one in scored] == ["likelihood", "fill"]
    assert scored[0]["homologs"] == 2


def test_embed(done, sequence_models, files: Path) -> None:
    done("embed", sequence_models("dna"), files / "in.fa", "-o", files / "e.npz", "--layer", 1)
    assert np.load(files / "e.npz")["embeddings"].shape == (2, 32)


def test_convert(done, files: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(files / "theirs")
    told = done("convert", files / "theirs", "-o", files / "ours", "--from", "hf")
    assert "backbone.embeddings.weight -> backbone.embed.tokens.weight" in told
    assert (files / "ours" / "README.md").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "o.tsv"], "nothing to score"),
        (["in.fa", "--vcf", "v.vcf", "-o", "o.tsv"], "cannot go together"),
        (["--vcf", "v.vcf", "-o", "o.tsv"], "needs --reference"),
        (["--mutations", "list.txt", "-o", "o.tsv"], "needs --wild-type"),
        (["in.fa", "--context", "homologs.fa", "-o", "o.tsv"], "belongs to --mutations"),
        (["in.fa", "--masked", "-o", "o.tsv"], "causal"),
    ],
)
def test_options_that_contradict_each_other(
    refused, sequence_models, files: Path, monkeypatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(files)
    assert said in refused(2, "score", sequence_models("dna"), *words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (">a\nACXT\n", "position 3"),
        (">a\n>b\nAC\n", "'a' has no sequence"),
        (">a\nAC\n>a\nAC\n", "more than once"),
    ],
)
@pytest.mark.parametrize("command", ["score", "embed"])
def test_wrong_records(
    refused, sequence_models, files: Path, command: str, text: str, said: str
) -> None:
    (files / "bad.fa").write_text(text)
    output = files / ("o.tsv" if command == "score" else "o.npz")
    told = refused(3, command, sequence_models("dna"), files / "bad.fa", "-o", output)
    assert said in told


def test_a_vcf_of_another_genome(refused, sequence_models, files: Path) -> None:
    (files / "v.vcf").write_text(HEAD + "chr1\t4\trs1\tG\tA\n")
    words = ("--vcf", files / "v.vcf", "--reference", files / "ref.fa", "-o", files / "o.tsv")
    assert "line 3" in refused(3, "score", sequence_models("dna"), *words)


def test_damaged_models(refused, sequence_models, files: Path) -> None:
    folder = files / "model"
    shutil.copytree(sequence_models("dna"), folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    for command, output in (("score", "o.tsv"), ("embed", "o.npz")):
        told = refused(4, command, folder, files / "in.fa", "-o", files / output)
        assert "model.safetensors" in told
    assert "such" in refused(4, "score", files / "absent", files / "in.fa", "-o", files / "o.tsv")


def test_a_checkpoint_of_another_dialect(refused, files: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(files / "theirs")
    words = ("-o", files / "ours", "--from", "prot-xlstm")
    assert "--from hf" in refused(4, "convert", files / "theirs", *words)


def test_an_output_that_cannot_be_written(refused, sequence_models, files: Path) -> None:
    output = files / "in.fa" / "o.tsv"
    assert "cannot be written" in refused(
        3, "score", sequence_models("dna"), files / "in.fa", "-o", output
    )


def test_a_run_that_goes_on_needs_the_same_input(
    refused, done, sequence_models, files: Path
) -> None:
    words = ("score", sequence_models("dna"), files / "in.fa", "-o", files / "o.tsv")
    key = {"bioseq_partial": 1, "key": "of another run"}
    (files / "o.tsv.partial").write_text(json.dumps(key) + "\n" + '{"name": "a"}\n')
    assert "--resume" in refused(3, *words, "--resume")
    assert not (files / "o.tsv").exists()
    done(*words, "--quiet")
    assert not (files / "o.tsv.partial").exists()
