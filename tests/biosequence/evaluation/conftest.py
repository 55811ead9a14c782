"""Tiny models and tables that this room's tests share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from biosequence.inference import LoadedModel, load_model


@pytest.fixture(scope="session")
def tiny(sequence_models: Callable[[str], Path]) -> Callable[[str], LoadedModel]:
    """A loaded language model by name: dna, dna_masked, protein, smiles, mamba, mamba_protein."""
    return cache(lambda name: load_model(sequence_models(name), device="cpu"))


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folder of a random DNA classifier; `order` says which of its own rows each id has."""
    return lambda labels, order=None: _saved(
        tmp_path_factory.mktemp("classifier"), labels, order or range(len(labels))
    )


def _saved(folder: Path, labels: Sequence[str], order: Sequence[int]) -> Path:
    import torch

    from biosequence.models import BioMambaConfig, BioMambaForSequenceClassification
    from biosequence.tokenizers import DNATokenizer

    torch.manual_seed(3)
    config = BioMambaConfig(
        vocab_size=12,
        hidden_size=16,
        num_hidden_layers=1,
        num_labels=len(labels),
        id2label={number: labels[row] for number, row in enumerate(order)},
        label2id={labels[row]: number for number, row in enumerate(order)},
    )
    model = BioMambaForSequenceClassification(config).eval()
    with torch.no_grad():
        model.classifier.weight.normal_(std=3.0)
        model.classifier.weight.copy_(model.classifier.weight[list(order)].clone())
    model.save_pretrained(folder)
    DNATokenizer().save(folder)
    return folder


@pytest.fixture
def motif_task(tmp_path: Path) -> Path:
    """A folder with train, validation and test tables: does a sequence hold the motif?"""
    import numpy as np

    rng = np.random.default_rng(5)
    for split, number in (("train", 240), ("validation", 40), ("test", 80)):
        lines = ["sequence,label"]
        for row in range(number):
            letters = rng.choice(list("ACGT"), 60)
            if row % 2:
                letters[20:32] = list("TATAAATATAAA")
            lines.append(f"{''.join(letters)},{row % 2}")
        (tmp_path / "motif").mkdir(exist_ok=True)
        (tmp_path / "motif" / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "motif"
