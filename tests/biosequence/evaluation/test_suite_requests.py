"""Suites by name: what they need, what they record, and shards that somebody else opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError, UsageError
from biosequence.evaluation import SUITES, EvaluateRequest, run_suite
from biosequence.evaluation.provenance import sha256_of
from biosequence.tokenizers import DNATokenizer, SmilesTokenizer


class Held:
    """Documents as the trainer's shards give them."""

    def __init__(self, tokenizer, *texts: str) -> None:
        self._tokenizer = tokenizer
        self._rows = [tokenizer.encode(text) for text in texts]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> np.ndarray:
        return self._rows[number]

    def tokenizer(self):
        return self._tokenizer


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "shard-00000.bin").write_bytes(b"")
    return folder


def test_a_suite_takes_what_it_needs() -> None:
    fields = set(EvaluateRequest.__dataclass_fields__)
    for suite in SUITES.values():
        assert suite.needs <= suite.takes <= fields


def test_what_is_missing_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --data"):
        run_suite(EvaluateRequest(suite="nt", model="nowhere"))
    with pytest.raises(UsageError, match="needs --train"):
        run_suite(EvaluateRequest(suite="molecules", model="nowhere"))
    with pytest.raises(UsageError, match="no suite 'glue'"):
        run_suite(EvaluateRequest(suite="glue", model="nowhere"))
    with pytest.raises(UsageError, match="no such file"):
        run_suite(EvaluateRequest(suite="nt", model="nowhere", data=tmp_path / "x"))


def test_a_report_says_what_it_was_made_with(sequence_models, tmp_path: Path) -> None:
    data = tmp_path / "x.fa"
    data.write_text(">a\nACGTACGT\n")
    folder = sequence_models("dna")
    request = EvaluateRequest(
        suite="perplexity", model=str(folder), data=data, seed=7, device="cpu"
    )
    made = run_suite(request).provenance
    assert made["command"] == "bioseq evaluate perplexity"
    assert made["seed"] == 7
    assert made["model_sha256"] == sha256_of(folder / "model.safetensors")
    assert made["inputs"]["data"]["sha256"] == sha256_of(data)
    assert {"bioseq-toolkit", "torch", "scikit-learn"} <= set(made["versions"])
    again = run_suite(request)
    assert again.rows == run_suite(request).rows


def test_shards_are_read_as_the_file_is(sequence_models, tmp_path: Path, shards: Path) -> None:
    data = tmp_path / "x.fa"
    data.write_text(">a\nACGTACGT\n>b\nGGCA\n")
    common = {"suite": "perplexity", "model": str(sequence_models("dna_masked")), "device": "cpu"}
    of_file = run_suite(EvaluateRequest(data=data, **common))
    of_shards = run_suite(
        EvaluateRequest(data=shards, **common),
        open_shards=lambda path: Held(DNATokenizer(), "ACGTACGT", "GGCA"),
    )
    assert of_file.rows == of_shards.rows
    with pytest.raises(InputError, match="another tokenizer"):
        run_suite(
            EvaluateRequest(data=shards, **common),
            open_shards=lambda path: Held(SmilesTokenizer(), "CCO"),
        )
    with pytest.raises(UsageError, match="nothing was given that opens"):
        run_suite(EvaluateRequest(data=shards, **common))


def test_molecules_of_shards_are_a_training_set(tmp_path: Path, shards: Path) -> None:
    (tmp_path / "written.smi").write_text("CCO\nCCN\n")
    report = run_suite(
        EvaluateRequest(suite="molecules", model=str(tmp_path / "written.smi"), train=shards),
        open_shards=lambda path: Held(SmilesTokenizer(), "OCC", "c1ccccc1"),
    )
    assert report.summary["novelty"] == 0.5
    assert report.provenance["model_sha256"] == sha256_of(tmp_path / "written.smi")


def test_real_shards_where_the_trainer_is_there(sequence_models, tmp_path: Path) -> None:
    data = pytest.importorskip("biosequence.training.data", exc_type=ImportError)
    tokenizer = DNATokenizer()
    with data.ShardWriter(tmp_path / "s", tokenizer, source={}) as writer:
        writer.add(tokenizer.encode("ACGTACGT"))
    request = EvaluateRequest(
        suite="perplexity", model=str(sequence_models("dna")), data=tmp_path / "s", device="cpu"
    )
    report = run_suite(request, open_shards=data.TokenShards.open)
    assert report.summary["documents"] == 1
