"""How well a pre-trained model fills in hidden bases, and whether both strands agree."""

# Shapes: B windows, T tokens of each, V vocabulary, N test sequences, K labels.

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from biosequence.inference import LoadedModel
from biosequence.layers.reverse_complement import reverse_complement_ids
from biosequence.training.data import TokenShards
from biosequence.training.evaluating import validation_loss
from biosequence.training.objectives import objective_from_settings

WINDOWS = 64
"""Windows that the error of equivariance is read from."""
# Fifteen of a hundred bases, each replaced by the mask: no base shows through.
_HIDING = {"name": "masked-lm", "masked_share": 1.0, "random_share": 0.0}
_BATCH = 32


def masked_perplexity(loaded: LoadedModel, genomes: Path, length: int) -> dict[str, float]:
    """Perplexity of hidden bases of the test genomes, the same ones for every model."""
    objective, test = _hidden_bases(genomes, loaded.tokenizer, length)
    loss, _ = validation_loss(loaded.model, objective, test, batch_size=_BATCH)
    return {"nats": loss, "perplexity": float(np.exp(loss))}


def frequency_perplexity(genomes: Path, length: int) -> float:
    """The same of an answer that knows only how frequent each base is in the training genomes."""
    shards = TokenShards.open(genomes / "train")
    objective, test = _hidden_bases(genomes, shards.tokenizer(), length)
    counts_V = sum(np.bincount(ids, minlength=256) for ids in shards)
    hidden = np.concatenate([test[number]["labels"] for number in range(len(test))])
    hidden = hidden[hidden >= 0]
    predicted = np.unique(hidden)
    rates_V = counts_V / counts_V[predicted].sum()
    return float(np.exp(-np.log(rates_V[hidden]).mean()))


def token_strand_error(loaded: LoadedModel, genomes: Path, length: int) -> dict[str, float]:
    """Largest difference between the scores of windows and of their other strand, turned back."""
    _, test = _hidden_bases(genomes, loaded.tokenizer, length)
    full = [test[n]["input_ids"] for n in range(len(test)) if len(test[n]["input_ids"]) == length]
    ids_BT = torch.from_numpy(np.stack(full[:WINDOWS]))
    table_V = torch.from_numpy(loaded.tokenizer.vocabulary.complement_ids.astype(np.int64))
    with torch.inference_mode():
        ahead = loaded.model(ids_BT).logits
        back = loaded.model(reverse_complement_ids(ids_BT, table_V)).logits.flip(1)[..., table_V]
    return strand_error(ahead.numpy(), back.numpy())


def strand_error(ahead: np.ndarray, back: np.ndarray) -> dict[str, float]:
    """Largest and mean absolute difference of scores, and their spread to compare with."""
    difference = np.abs(ahead - back)
    return {
        "largest": float(difference.max()),
        "mean": float(difference.mean()),
        "spread": float(ahead.std()),
    }


def _hidden_bases(genomes: Path, tokenizer: Any, length: int) -> tuple[Any, Any]:
    """The objective, and windows of the test genomes with the same bases hidden every time."""
    data = {"train": str(genomes / "train"), "validation": str(genomes / "test")}
    objective = objective_from_settings(_HIDING, data)
    return objective, objective.datasets(tokenizer, length, 0).validation
