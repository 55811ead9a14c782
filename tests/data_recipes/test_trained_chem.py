"""The study of molecules: fair budgets, one yardstick for all models, results that stay."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bioseq_recipes.trained.chem import plan as plans
from bioseq_recipes.trained.chem.command import main
from bioseq_recipes.trained.chem.corpus import SOURCE, molecules
from bioseq_recipes.trained.chem.demo import MOST_BYTES
from bioseq_recipes.trained.chem.judging import FIGURES, judge

from biosequence.errors import InputError
from biosequence.evaluation import evaluate_molecules
from biosequence.evaluation.models import open_model
from biosequence.inference import load_model
from biosequence.training.data import TokenShards

MODELS = [one.name for one in plans.CONTENDERS]


def smiles() -> list[str]:
    """Some hundred real molecules of many scaffolds."""
    rings = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1", "C1CCOC1", "c1cc[nH]c1"]
    chains = ["C", "CC", "CO", "N", "C(=O)N", "CCN", "C(C)O", "S", "C(F)", "CCl"]
    joined = [f"{a}{b}{c}" for a, b, c in itertools.product(chains[:6], rings, chains[:3])]
    return [*joined, *(f"{a}{b}{a}" for a, b in itertools.product(rings, chains[:8]))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    with gzip.open(folder / SOURCE, "wt", encoding="ascii") as handle:
        handle.write("smiles,source\n")
        handle.writelines(f"{one},made\n" for one in smiles())
    return folder


@pytest.fixture(scope="module")
def study(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("study")
    main(["--source", str(source), "--output", str(output), "--quick", "--workers", "1"])
    return output


def results(study: Path) -> dict[str, Any]:
    return json.loads((study / "results.json").read_text(encoding="utf-8"))


def documents(study: Path) -> tuple[Any, list[np.ndarray]]:
    shards = TokenShards.open(study / "data" / "test")
    return shards.tokenizer(), [shards[number] for number in range(len(shards))]


def test_plan_gives_all_models_the_same_size() -> None:
    import transformers

    from biosequence import models

    assert models.BioMambaConfig is not None
    sizes = []
    for one in plans.FULL.contenders:
        config = transformers.AutoConfig.for_model(one.type, vocab_size=168, **one.config)
        model = transformers.AutoModelForCausalLM.from_config(config)
        sizes.append(sum(p.numel() for p in model.parameters()))
    assert max(sizes) <= 1.1 * min(sizes), sizes
    assert 4 * max(sizes) < MOST_BYTES


def test_study_trains_all_models_on_the_same_tokens_and_they_learn(study: Path) -> None:
    found = results(study)["models"]
    assert [one["name"] for one in found] == MODELS
    assert len({(one["tokens"], one["steps"]) for one in found}) == 1
    assert len({one["held_out"]["tokens"] for one in found}) == 1
    for one in found:
        assert one["held_out"]["perplexity"] < 30, one["name"]
        best = min(one["trials"], key=one["trials"].get)
        assert float(best) == one["learning_rate"]


def test_study_counts_every_test_token_but_the_first_of_each_molecule(study: Path) -> None:
    tokenizer, test = documents(study)
    texts = [tokenizer.decode(one, skip_special_tokens=True) for one in test]
    found = results(study)["models"][0]["held_out"]
    assert found["tokens"] == sum(len(one) - 1 for one in test)
    assert found["characters"] == sum(map(len, texts))
    nats = found["nats_per_token"] * found["tokens"]
    expected = nats / found["characters"] / math.log(2)
    assert found["bits_per_character"] == pytest.approx(expected)


@pytest.mark.parametrize("name", MODELS)
def test_held_out_likelihood_is_that_of_the_model_read_molecule_by_molecule(
    study: Path, name: str
) -> None:
    _, test = documents(study)
    model = open_model(study / name / "run" / "model", device="cpu").model
    total = 0.0
    for one in test:
        ids = torch.from_numpy(one.astype(np.int64))[None]
        said = model(input_ids=ids).logits[0, :-1].detach().log_softmax(-1)
        total -= float(said.gather(1, ids[0, 1:, None]).sum())
    (found,) = (one["held_out"] for one in results(study)["models"] if one["name"] == name)
    assert found["nats_per_token"] * found["tokens"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_each_model_wrote_as_many_molecules_of_letters_only(study: Path, name: str) -> None:
    kept = (study / name / "samples.smi").read_text(encoding="ascii").split("\n")[:-1]
    assert len(kept) == plans.QUICK.samples
    assert not any("<" in one and ">" in one for one in kept)


def test_judgement_is_that_of_the_suite_over_all_training_molecules(study: Path) -> None:
    data, scaffolds = study / "data", study / "train_scaffolds.txt"
    known = list(molecules(data / "train"))
    written = [known[0], known[0], known[3], "C1CCCCC1CCCCCCO", "C(", "CCCCCCCN", ""]
    held = list(molecules(data / "test", count=5))
    found = judge(written, data / "train", scaffolds, data / "test", compared=5)
    whole = evaluate_molecules(written, known, reference=held).summary
    assert found["written"] == 7
    assert {name: found[name] for name in FIGURES} == {name: whole[name] for name in FIGURES}
    assert found["novelty"] == 0.5


def test_second_run_does_nothing_again(study: Path, source: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns
        for name in MODELS
        for path in (study / name).rglob("*")
        if path.is_file()
    }
    first = results(study)
    main(["--source", str(source), "--output", str(study), "--quick", "--workers", "1"])
    assert results(study) == first
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_demo_is_the_trained_xlstm_with_its_checksum(study: Path) -> None:
    weights = (study / "demo" / "model.safetensors").read_bytes()
    assert weights == (study / "xlstm" / "run" / "model" / "model.safetensors").read_bytes()
    card = (study / "demo" / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(weights).hexdigest() in card
    assert load_model(study / "demo", device="cpu").kind == "molecule"


def test_table_and_curves_name_every_model(study: Path) -> None:
    table = (study / "results.md").read_text(encoding="utf-8")
    assert all(one.title in table for one in plans.CONTENDERS)
    assert (study / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_source_without_the_file_is_named(tmp_path: Path) -> None:
    from bioseq_recipes.trained.chem.study import run_study

    with pytest.raises(InputError, match=SOURCE):
        run_study(plans.QUICK, tmp_path, tmp_path / "out", workers=1)
