"""Held-out perplexity: that of a model which knows nothing, and that which scores imply."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError, ModelError
from biosequence.evaluation import (
    DocumentScore,
    encoded_documents,
    evaluate_perplexity,
    score_documents,
)
from biosequence.inference import LoadedModel, score_records
from biosequence.io import Record


def uniform(loaded: LoadedModel) -> LoadedModel:
    import torch

    model = copy.deepcopy(loaded.model)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    return LoadedModel(model, loaded.tokenizer, loaded.path)


def documents(loaded: LoadedModel, *texts: str):
    records = [Record(f"r{n}", text) for n, text in enumerate(texts)]
    return list(encoded_documents(loaded, records))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dna", "ACGTTGCANNAC"),
        ("dna_masked", "ACGTTGCA"),
        ("protein", "MKTAYIAK"),
        ("smiles", "CCO"),
    ],
)
def test_a_uniform_model_has_the_perplexity_of_its_vocabulary(tiny, name: str, text: str) -> None:
    loaded = uniform(tiny(name))
    report = evaluate_perplexity(score_documents(loaded, documents(loaded, text, text[:4])))
    size = loaded.model.lm_head.out_features
    for row in report.rows:
        assert row["perplexity"] == pytest.approx(size, rel=1e-5)


@pytest.mark.parametrize("size", [7, 4096])
@pytest.mark.parametrize("name", ["dna", "dna_masked", "mamba"])
def test_the_whole_is_what_score_says(tiny, name: str, size: int) -> None:
    loaded = tiny(name)
    texts = ["ACGTTGCANACG", "GATTACA", "AC" * 40]
    report = evaluate_perplexity(
        score_documents(loaded, documents(loaded, *texts), batch_size=2, chunk=size),
        edges=(0, 5, 20),
    )
    records = [Record(f"r{n}", text) for n, text in enumerate(texts)]
    scores = list(score_records(loaded, records))
    total, tokens = sum(s.log_likelihood for s in scores), sum(s.tokens for s in scores)
    assert report.summary["tokens"] == tokens
    assert report.summary["perplexity"] == pytest.approx(np.exp(-total / tokens), rel=1e-5)
    *bins, everything = report.rows
    assert sum(row["tokens"] for row in bins) == everything["tokens"] == tokens
    assert everything["context"] == "all"


def test_letters_of_a_token_share_what_it_costs(tiny) -> None:
    loaded = uniform(tiny("smiles"))
    report = evaluate_perplexity(score_documents(loaded, documents(loaded, "CC[C@@H](Br)Cl")))
    letters = len("CC[C@@H](Br)Cl")
    row = report.rows[-1]
    assert row["letters"] == letters
    size = loaded.model.lm_head.out_features
    assert row["perplexity_per_letter"] == pytest.approx(
        np.exp(row["tokens"] * np.log(size) / letters), rel=1e-5
    )


def test_bins_count_what_was_before() -> None:
    def score(tokens: int) -> DocumentScore:
        # From the tenth token on this model knows everything.
        before = np.arange(1, tokens)
        return DocumentScore(np.where(before >= 10, 0.0, -np.log(4)), before, np.ones(len(before)))

    report = evaluate_perplexity([score(30), score(8)], edges=(0, 10, 100))
    assert [row["context"] for row in report.rows] == ["0-9", "10-99", "all"]
    assert [row["documents"] for row in report.rows] == [2, 1, 2]
    assert [row["perplexity"] for row in report.rows[:2]] == pytest.approx([4.0, 1.0])
    assert report.rows[2]["tokens"] == 29 + 7


def test_documents_are_limited_and_stream(tiny) -> None:
    loaded = tiny("dna")

    def endless():
        while True:
            yield documents(loaded, "ACGT")[0]

    report = evaluate_perplexity(score_documents(loaded, endless()), limit=3)
    assert report.summary["documents"] == 3
    assert "The first 3 documents." in report.notes


def test_what_gives_no_probabilities_is_refused(classifier, tiny) -> None:
    from biosequence.inference import load_model

    with pytest.raises(ModelError, match="no probabilities"):
        score_documents(load_model(classifier(("0", "1")), device="cpu"), [])
    with pytest.raises(InputError, match="No token is counted"):
        evaluate_perplexity(score_documents(tiny("dna"), documents(tiny("dna"), "A", "C")))


def test_real_genomes(shared: Path, tiny) -> None:
    from itertools import islice

    from biosequence.io import read_fasta

    records = islice(read_fasta(shared / "data/seq/dna_genomes.fa.gz"), 3)
    some = [Record(one.name, one.sequence[:300]) for one in records]
    loaded = tiny("dna")
    report = evaluate_perplexity(score_documents(loaded, encoded_documents(loaded, some)))
    assert report.summary["documents"] == 3
    assert report.rows[-1]["perplexity_low"] < report.rows[-1]["perplexity"]
