"""A tiny corpus and the recipe of a run of seconds on it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY = """
seed = 1
output = "run"

[model]
type = "bioxlstm"

[model.config]
hidden_size = 16
num_hidden_layers = 1
num_heads = 2
dropout = 0.1

[data]
train = "shards/train"
validation = "shards/validation"

[objective]
name = "causal-lm"

[run]
steps = 8
length = 32
batch_size = 4
log_every = 1
save_every = 3
evaluate_every = 4
device = "cpu"
"""


@pytest.fixture(scope="session")
def tiny_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from biosequence.tokenizers import DNATokenizer
    from biosequence.training.data import ShardWriter

    root = tmp_path_factory.mktemp("corpus") / "shards"
    dna, chance = DNATokenizer(), np.random.default_rng(0)
    for split, count in (("train", 60), ("validation", 9)):
        source = {"name": "made up", "licence": "CC0-1.0"}
        with ShardWriter(root / split, dna, source=source) as writer:
            for _ in range(count):
                size = chance.integers(20, 90)
                letters = chance.choice(list("ACGT"), size, p=[0.6, 0.2, 0.1, 0.1])
                writer.add(dna.encode("".join(letters)))
    return root


@pytest.fixture(scope="session")
def imported() -> None:
    """All that a run imports, set apart: each run makes Python look for garbage, which is slow."""
    import deepspeed  # noqa: F401
    import peft  # noqa: F401

    import biosequence.training.trainer  # noqa: F401

    gc.freeze()


@pytest.fixture
def tiny(
    tmp_path: Path, tiny_shards: Path, imported: None, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty place to run in, with shards and `recipe.toml`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "shards").symlink_to(tiny_shards)
    (tmp_path / "recipe.toml").write_text(TINY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def trained(tiny: Path) -> Callable[..., Any]:
    """Run the recipe with changes."""

    def call(*overrides: str, **given: Any) -> Any:
        from biosequence.training import train

        return train("recipe.toml", overrides=overrides, **given)

    return call
