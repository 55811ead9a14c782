"""Small corpora and models that the training tests share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from biosequence.training.data import ShardWriter, TokenShards


def write_shards(folder: Path, tokenizer, texts, groups=None, **options) -> Path:
    with ShardWriter(folder, tokenizer, **options) as writer:
        for number, text in enumerate(texts):
            group = None if groups is None else groups[number]
            writer.add(tokenizer.encode(text), group)
    return folder


def random_texts(letters: str, count: int, longest: int, seed: int = 0) -> list[str]:
    chance = np.random.default_rng(seed)
    sizes = chance.integers(1, longest, count)
    return ["".join(chance.choice(list(letters), size)) for size in sizes]


def same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def open_shards(folder: Path) -> TokenShards:
    return TokenShards.open(folder)


class Oracle(nn.Module):
    """A model that is given the answers: certain of what `answers` says of each place."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.vocab = vocab
        self.answers: torch.Tensor | None = None

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None):
        answers = self.answers if self.answers is not None else input_ids.roll(-1, 1)
        return SimpleNamespace(logits=nn.functional.one_hot(answers, self.vocab) * 100.0)
