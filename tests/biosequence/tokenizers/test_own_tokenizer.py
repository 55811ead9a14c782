"""The layer carries tokenizers of other libraries: here, genes by rank."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biosequence.tokenizers import (
    BioTokenizer,
    Vocabulary,
    load_tokenizer,
    mask_tokens,
    register_tokenizer,
    registry,
)
from biosequence.tokenizers.huggingface import Splitting

ROLES = {"pad": "<pad>", "mask": "<mask>", "cls": "<cls>", "unk": "<unk>"}


class GeneTokenizer(BioTokenizer):
    """Gene names with blanks between them."""

    name = "genes"

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary, prefix=("<cls>",))

    def options(self) -> dict[str, Any]:
        return {}

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        known = [gene if gene in self.vocabulary else "<unk>" for gene in text.split()]
        return self.vocabulary.ids(known)

    def _join(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)

    def _splitting(self) -> Splitting:
        return Splitting(r"\S+", drop_unmatched=True, blanks=True)

    @classmethod
    def _rebuild(cls, options: dict[str, Any], vocabulary: Vocabulary) -> GeneTokenizer:
        return cls(vocabulary)


@pytest.fixture
def genes(monkeypatch: pytest.MonkeyPatch) -> GeneTokenizer:
    monkeypatch.setitem(sys.modules, "genes_by_rank", sys.modules[__name__])
    monkeypatch.setattr(registry, "_HOMES", dict(registry._HOMES))
    register_tokenizer("genes", "genes_by_rank:GeneTokenizer")
    return GeneTokenizer(Vocabulary((*ROLES.values(), "CD3E", "MS4A1", "HLA-DRA"), ROLES))


def test_it_is_saved_and_opened_by_both(genes: GeneTokenizer, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    genes.save(tmp_path)
    theirs, back = AutoTokenizer.from_pretrained(tmp_path), load_tokenizer(tmp_path)
    assert isinstance(back, GeneTokenizer)
    for text in ("HLA-DRA CD3E", "CD3E nothing <mask> MS4A1", ""):
        ids = genes.encode(text).tolist()
        assert theirs(text)["input_ids"] == back.encode(text).tolist() == ids
        assert theirs.decode(ids) == genes.decode(ids)
    assert genes.decode(genes.encode("HLA-DRA CD3E"), skip_special_tokens=True) == "HLA-DRA CD3E"


def test_batches_and_masking_work(genes: GeneTokenizer) -> None:
    batch = genes.batch(["CD3E MS4A1", "HLA-DRA"])
    assert batch["input_ids"].tolist() == [[2, 4, 5], [2, 6, 0]]
    _, labels = mask_tokens(
        batch["input_ids"], genes.vocabulary, np.random.default_rng(0), probability=1.0
    )
    assert labels.tolist() == [[-100, 4, 5], [-100, 6, -100]]
