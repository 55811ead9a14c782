"""In-context gain: a planted one is found, an absent one is not, and contexts are read rightly."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, ModelError
from biosequence.evaluation import Family, evaluate_in_context, family_scorer, read_families
from biosequence.tokenizers import concatenate_homologs

FAMILIES = [
    Family(f"f{n}", tuple(f"{n % 10}" * (5 + n % 3) + "ab"[at % 2] * at for at in range(60)))
    for n in range(12)
]


def test_a_planted_gain_is_found() -> None:
    def planted(sequence: str, before: Sequence[str]) -> tuple[float, int]:
        # Every tenfold of context takes half a nat off each token.
        return -len(sequence) * (3 - 0.5 * np.log10(1 + len(before))), len(sequence)

    report = evaluate_in_context(planted, FAMILIES)
    assert [row["before"] for row in report.rows] == [0, 1, 10, 50]
    gains = [row["gain"] for row in report.rows]
    assert gains == pytest.approx([0.5 * np.log10(1 + n) for n in (0, 1, 10, 50)])
    assert report.rows[0]["perplexity"] == pytest.approx(np.exp(3))


def test_a_model_that_reads_no_context_gains_nothing() -> None:
    report = evaluate_in_context(lambda sequence, before: (-float(len(sequence)), 4), FAMILIES)
    assert {row["gain"] for row in report.rows} == {0.0}


def test_the_same_sequences_are_asked_for_with_nested_contexts() -> None:
    asked: dict[str, list[list[str]]] = {}

    def spy(sequence: str, before: Sequence[str]) -> tuple[float, int]:
        asked.setdefault(sequence, []).append(list(before))
        return -1.0, 1

    evaluate_in_context(spy, FAMILIES[:1], repeats=3, seed=4)
    assert len(asked) == 3
    for target, contexts in asked.items():
        assert [len(one) for one in contexts] == [0, 1, 10, 50]
        assert contexts[3][-10:] == contexts[2]
        assert contexts[2][-1:] == contexts[1]
        assert target not in contexts[3]
    first = dict(asked)
    asked.clear()
    evaluate_in_context(spy, FAMILIES[:1], repeats=3, seed=4)
    assert asked == first


def test_small_families_are_left_out_where_they_are_too_small() -> None:
    families = [*FAMILIES[:2], Family("small", ("a", "b", "b", "c")), Family("one", ("a", "a"))]
    report = evaluate_in_context(lambda sequence, before: (-1.0, 1), families)
    assert [row["families"] for row in report.rows] == [3, 3, 2, 2]
    with pytest.raises(InputError, match="two different"):
        evaluate_in_context(lambda sequence, before: (-1.0, 1), families[3:])


def log_probs(model, ids: np.ndarray, **places: np.ndarray) -> np.ndarray:
    extra = {name: torch.from_numpy(x.astype(np.int64))[None] for name, x in places.items()}
    with torch.no_grad():
        logits = model(torch.from_numpy(ids.astype(np.int64))[None], **extra).logits[0]
    found = logits.double().log_softmax(-1)[:-1]
    return found[torch.arange(len(ids) - 1), torch.from_numpy(ids[1:].astype(np.int64))].numpy()


def test_homologs_are_read_as_in_training(tiny) -> None:
    loaded = tiny("protein")
    score = family_scorer(loaded)
    tokens = concatenate_homologs(["MRTAY", "MKSW", "MKTAYI"], loaded.tokenizer)
    each = log_probs(
        loaded.model,
        tokens.input_ids,
        position_ids=tokens.position_ids,
        seq_position_ids=tokens.sequence_ids,
    )
    total, counted = score("MKTAYI", ["MRTAY", "MKSW"])
    assert counted == 6
    assert total == pytest.approx(each[-6:].sum(), abs=1e-3)
    alone, same = score("MKTAYI", [])
    assert same == 6
    assert alone != pytest.approx(total, abs=1e-3)


def test_molecules_are_joined_as_in_training(tiny) -> None:
    loaded = tiny("smiles")
    score = family_scorer(loaded)
    ids = loaded.tokenizer.encode("CCO.CN.CCCl", special_tokens=True).astype(np.int64)
    ends = len(loaded.tokenizer.suffix)
    each = log_probs(loaded.model, ids)
    total, counted = score("CCCl", ["CCO", "CN"])
    own = len(loaded.tokenizer.encode("CCCl", special_tokens=False))
    assert counted == own == score("CCCl", [])[1]
    assert total == pytest.approx(each[-own - ends : len(each) - ends].sum(), abs=1e-3)


def test_only_models_that_read_families_are_taken(tiny) -> None:
    with pytest.raises(ModelError, match="not of proteins"):
        family_scorer(tiny("dna"))
    with pytest.raises(ModelError, match="does not predict"):
        family_scorer(tiny("dna_masked"))


def test_families_of_files(tmp_path: Path) -> None:
    (tmp_path / "x.a3m").write_text(">q\nMKTA\n>o\nM-ciTA\n")
    (tmp_path / "sets.txt").write_text("CCO.CN\nC.CC.CCC\n")
    assert list(read_families(tmp_path)) == [Family("x", ("MKTA", "MCITA"))]
    assert [one.sequences for one in read_families(tmp_path / "sets.txt")] == [
        ("CCO", "CN"),
        ("C", "CC", "CCC"),
    ]
    (tmp_path / "x.a3m").unlink()
    with pytest.raises(InputError, match="no alignment"):
        list(read_families(tmp_path))


def test_real_alignments(shared: Path, tmp_path: Path, tiny) -> None:
    with tarfile.open(shared / "data/seq/protein_msas_a3m.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    report = evaluate_in_context(
        family_scorer(tiny("protein")), read_families(tmp_path), repeats=1, limit=3, numbers=(1, 10)
    )
    assert report.rows[0]["families"] == 3
    assert all(np.isfinite(row["perplexity"]) for row in report.rows)
