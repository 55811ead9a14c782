"""Scores of records: right by an independent sum, the same in any batch, both strands alike."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.complement import reverse_complement
from biosequence.errors import InputError, ModelError, UsageError
from biosequence.inference.score import score_file, score_records
from biosequence.io import Record, write_fasta

LETTERS = {
    "dna": "ACGT",
    "dna_masked": "ACGT",
    "mamba": "ACGT",
    "protein": "MKTAYIVL",
    "smiles": "CNO",
}


def some_records(name: str, count: int = 11, longest: int = 60, seed: int = 0) -> list[Record]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest, count)
    return [
        Record(f"r{number}", "".join(rng.choice(list(LETTERS[name]), length)))
        for number, length in enumerate(lengths)
    ]


def direct(loaded, text: str, *, end: bool) -> float:
    ids = torch.from_numpy(loaded.tokenizer.encode(text, special_tokens=end))
    with torch.no_grad():
        logits = loaded.model(ids[None]).logits[0].double()
    return float(logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).sum())


@pytest.mark.parametrize("name", ["dna", "mamba", "protein", "smiles"])
def test_scores_are_the_sum_of_log_probabilities(tiny, name: str) -> None:
    loaded = tiny(name)
    records = some_records(name)
    scores = list(score_records(loaded, records, batch_size=4))
    assert [score.name for score in scores] == [record.name for record in records]
    for score, record in zip(scores, records, strict=True):
        end = loaded.kind != "dna"
        expected = direct(loaded, record.sequence, end=end)
        assert score.log_likelihood == pytest.approx(expected, abs=1e-4)
        around = len(loaded.tokenizer.prefix) + len(loaded.tokenizer.suffix) if end else 0
        assert score.tokens == len(record) + around - 1
        assert score.perplexity == pytest.approx(np.exp(-expected / score.tokens), rel=1e-5)


@pytest.mark.parametrize("name", ["dna", "mamba", "protein", "smiles", "dna_masked"])
def test_batch_size_and_chunk_change_nothing(tiny, name: str) -> None:
    loaded = tiny(name)
    records = some_records(name, longest=24 if name == "dna_masked" else 60)
    alone = list(score_records(loaded, records, batch_size=1))
    for options in ({"batch_size": 3}, {"batch_size": 64}, {"batch_size": 4, "chunk": 20}):
        for one, other in zip(alone, score_records(loaded, records, **options), strict=True):
            assert one.name == other.name
            assert one.tokens == other.tokens
            mean = one.log_likelihood / one.tokens
            assert other.log_likelihood / one.tokens == pytest.approx(mean, abs=1e-5)


def test_a_masked_model_is_asked_for_each_token(tiny) -> None:
    loaded = tiny("dna_masked")
    text, total = "ACGNTA", 0.0
    ids = torch.from_numpy(loaded.tokenizer.encode(text))
    for place in (0, 1, 2, 4, 5):
        copy = ids.clone()
        copy[place] = loaded.tokenizer.mask_id
        with torch.no_grad():
            logits = loaded.model(copy[None]).logits[0, place].double()
        total += float(logits.log_softmax(-1)[ids[place]])
    (score,) = score_records(loaded, [Record("a", text)], batch_size=2)
    assert score.tokens == 5
    assert score.log_likelihood == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("name", ["dna", "dna_masked"])
def test_both_strands_are_the_mean_and_the_same_from_either(tiny, name: str) -> None:
    loaded = tiny(name)
    record = Record("a", "ACGGTTAACCA")
    turned = Record("b", reverse_complement(record.sequence))
    ahead, back = (score.log_likelihood for score in score_records(loaded, [record, turned]))
    both = [s.log_likelihood for s in score_records(loaded, [record, turned], strands="both")]
    assert both[0] == pytest.approx((ahead + back) / 2, abs=1e-4)
    assert both[0] == pytest.approx(both[1], abs=1e-4)


def test_only_dna_has_two_strands(tiny) -> None:
    with pytest.raises(UsageError, match="two strands"):
        list(score_records(tiny("protein"), [Record("a", "MK")], strands="both"))


def test_a_table_is_the_same_after_a_stop(tiny, tmp_path: Path) -> None:
    loaded = tiny("mamba")
    records = some_records("mamba", count=9)
    write_fasta(tmp_path / "in.fa", records)
    whole = score_file(loaded, tmp_path / "in.fa", tmp_path / "whole.tsv", batch_size=1)
    assert whole["records"] == 9
    table = (tmp_path / "whole.tsv").read_text()
    assert table.splitlines()[0] == "name\tlog_likelihood\ttokens\tperplexity"

    def stopped(*args, **kwargs):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(1)
        return inner(*args, **kwargs)

    import biosequence.inference.score as module

    calls, inner = [], module.encode_record
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "encode_record", stopped)
    patch.setattr(module, "run_in_batches", lambda rows, work, **_: (work([r])[0] for r in rows))
    with pytest.raises(KeyboardInterrupt):
        score_file(loaded, tmp_path / "in.fa", tmp_path / "out.tsv")
    patch.undo()
    assert not (tmp_path / "out.tsv").exists()
    assert (tmp_path / "out.tsv.partial").exists()
    found = score_file(loaded, tmp_path / "in.fa", tmp_path / "out.tsv", batch_size=1, resume=True)
    assert (tmp_path / "out.tsv").read_text() == table
    assert not (tmp_path / "out.tsv.partial").exists()
    assert found["tokens"] == whole["tokens"]


def test_packed_files_and_windows_line_ends_give_the_same(tiny, tmp_path: Path) -> None:
    loaded = tiny("dna")
    text = ">a\r\nACGTAC\r\nGT\r\n>b\r\nACCA\r\n"
    (tmp_path / "crlf.fa").write_bytes(text.encode())
    (tmp_path / "packed.fa.gz").write_bytes(gzip.compress(text.replace("\r", "").encode()))
    for name in ("crlf.fa", "packed.fa.gz"):
        score_file(loaded, tmp_path / name, tmp_path / f"{name}.tsv")
    assert (tmp_path / "crlf.fa.tsv").read_text() == (tmp_path / "packed.fa.gz.tsv").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (">a\nACGT\n>b\nACXT\n", "'X' at position 3"),
        (">a\nACGT\n>b\n>c\nAC\n", "'b' has no sequence"),
        (">a\nACGT\n>a\nAC\n", "'a' occurs more than once"),
        ("ACGT\n", "FASTA"),
        ("", "empty"),
    ],
)
def test_bad_input_is_named_and_leaves_no_table(tiny, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "in.fa").write_text(text)
    with pytest.raises(InputError, match=said):
        score_file(tiny("dna"), tmp_path / "in.fa", tmp_path / "out.tsv")
    assert not (tmp_path / "out.tsv").exists()


def test_a_sequence_above_the_learned_positions_is_refused(tiny) -> None:
    loaded = tiny("mamba_protein")
    limit = loaded.model.config.max_position_embeddings
    with pytest.raises(InputError, match=f"{limit:,} positions"):
        list(score_records(loaded, [Record("long", "M" * limit)]))
    # Rotary positions have no limit.
    assert len(list(score_records(tiny("protein"), [Record("long", "M" * (limit + 9))]))) == 1


def test_a_model_without_a_token_head_is_refused(tiny) -> None:
    from dataclasses import replace

    loaded = replace(tiny("dna"), model=tiny("dna").model.backbone)
    with pytest.raises(ModelError, match="probabilities"):
        list(score_records(loaded, [Record("a", "ACGT")]))
