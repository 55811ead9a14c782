"""Models of transformers that stand beside ours: loaded, scored, and made to write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, ModelError
from biosequence.evaluation import (
    EvaluateRequest,
    evaluate_perplexity,
    open_model,
    run_suite,
    score_documents,
    written_molecules,
)
from biosequence.inference import LoadedModel
from biosequence.tokenizers import SmilesTokenizer


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("gpt")
    tokenizer = SmilesTokenizer()
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=len(tokenizer) + 4,
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=140,
        bos_token_id=None,
        eos_token_id=None,
    )
    GPT2LMHeadModel(config).eval().save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def test_its_perplexity_is_its_loss(gpt: Path) -> None:
    loaded = open_model(gpt, device="cpu")
    texts = ["CCO", "c1ccccc1N", "CC(=O)O"]
    rows = [loaded.tokenizer.encode(text).astype(np.int64) for text in texts]
    total = tokens = 0
    for row in rows:
        ids = torch.from_numpy(row)[None]
        with torch.no_grad():
            total += float(loaded.model(ids, labels=ids).loss) * (len(row) - 1)
        tokens += len(row) - 1
    for size in (1, 3):
        report = evaluate_perplexity(score_documents(loaded, rows, batch_size=size))
        assert report.summary["tokens"] == tokens
        assert report.summary["perplexity"] == pytest.approx(np.exp(total / tokens), rel=1e-4)


def test_it_writes_letters_only_and_the_same_again(gpt: Path) -> None:
    loaded = open_model(gpt, device="cpu")
    state = torch.get_rng_state()
    first = list(written_molecules(loaded, 5, seed=2, batch_size=3))
    assert torch.equal(state, torch.get_rng_state())
    assert len(first) == 5
    assert first == list(written_molecules(loaded, 5, seed=2, batch_size=3))
    assert first != list(written_molecules(loaded, 5, seed=3, batch_size=3))
    vocabulary = loaded.tokenizer.vocabulary
    special = [vocabulary.token(int(number)) for number in vocabulary.special_ids]
    assert not any(token in text for token in special for text in first)


def test_our_models_write_as_generate_does(tiny) -> None:
    from biosequence.inference import GenerateOptions, generate_molecules

    loaded: LoadedModel = tiny("smiles")
    options = GenerateOptions(num=4, seed=5)
    expected = [one.sequence for one in generate_molecules(loaded, options=options)]
    assert list(written_molecules(loaded, 4, seed=5)) == expected


def test_the_suites_take_it(gpt: Path, tmp_path: Path) -> None:
    (tmp_path / "x.smi").write_text("CCO\nCCN\n")
    for suite, more in (
        ("perplexity", {"data": tmp_path / "x.smi"}),
        ("molecules", {"train": tmp_path / "x.smi", "num": 3}),
    ):
        request = EvaluateRequest(suite=suite, model=str(gpt), device="cpu", **more)
        assert run_suite(request).rows


def test_a_classifier_of_transformers_is_judged(motif_task: Path, tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification

    from biosequence.tokenizers import DNATokenizer

    tokenizer = DNATokenizer()
    config = GPT2Config(
        vocab_size=12, n_embd=16, n_layer=1, n_head=2, pad_token_id=tokenizer.pad_id, num_labels=2
    )
    GPT2ForSequenceClassification(config).save_pretrained(tmp_path / "gpt")
    tokenizer.save(tmp_path / "gpt")
    request = EvaluateRequest(
        suite="nt", model=str(tmp_path / "gpt"), data=motif_task, device="cpu", limit=20
    )
    assert run_suite(request).rows[0]["items"] == 20


@pytest.mark.parametrize("suite", ["proteingym", "in-context", "probe"])
def test_suites_that_need_states_refuse_it(gpt: Path, tmp_path: Path, suite: str) -> None:
    with pytest.raises(ModelError, match="another family"):
        run_suite(EvaluateRequest(suite=suite, model=str(gpt), data=tmp_path, device="cpu"))


def test_what_cannot_be_judged_is_refused(gpt: Path, tmp_path: Path) -> None:
    loaded = open_model(gpt, device="cpu")
    with pytest.raises(InputError, match="more than the model has positions"):
        list(score_documents(loaded, [np.full(200, 8)]))
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(gpt, broken)
    (broken / "config.json").write_text('{"model_type": "gpt2", "architectures": ["GPT2Model"]}')
    with pytest.raises(ModelError, match="can be judged"):
        open_model(broken)
    shutil.copy(gpt / "config.json", broken / "config.json")
    (broken / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="cannot be read"):
        open_model(broken)
