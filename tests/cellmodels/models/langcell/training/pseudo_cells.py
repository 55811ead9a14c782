"""Cells of four made-up types, and what reads them and their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

NUM_GENES = 120
TYPES = {
    "B cell": ("cell type: B cell", "a lymphocyte that makes antibodies"),
    "T cell": ("cell type: T cell", "a lymphocyte with a receptor"),
    "monocyte": ("cell type: monocyte", "a phagocyte of blood"),
    "platelet": ("cell type: platelet", "a fragment that stops bleeding"),
}
TINY: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def symbols() -> list[str]:
    from cellmodels.genes import gene_table

    return sorted(gene_table("human").symbols)[: 40 * NUM_GENES : 40]


def processor():
    """A tokenizer of 120 genes and one of the words of the texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    from biosequence.tokenizers import Vocabulary
    from cellmodels.models.langcell.processing_langcell import LangCellProcessor
    from cellmodels.tokenizers import GeneRankTokenizer

    roles = {"pad": "<pad>", "mask": "<mask>", "cls": "<cls>"}
    tokens = ("<pad>", "<mask>", *symbols(), "<cls>")
    medians = np.full(len(tokens), np.nan)
    medians[2:-1] = np.random.default_rng(5).uniform(0.5, 3, NUM_GENES)
    genes = GeneRankTokenizer(Vocabulary(tokens, roles), medians, id_kind="shared", max_length=64)
    words = sorted({word for texts in TYPES.values() for text in texts for word in text.split()})
    known = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", ":", *words, "type"]
    table = {word: number for number, word in enumerate(dict.fromkeys(known))}
    text = Tokenizer(models.WordLevel(table, unk_token="[UNK]"))
    text.pre_tokenizer = pre_tokenizers.Whitespace()
    text.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", table["[CLS]"]), ("[SEP]", table["[SEP]"])],
    )
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return LangCellProcessor(
        genes, PreTrainedTokenizerFast(tokenizer_object=text, unk_token="[UNK]", **names)
    )


def pseudo_cells(per_type: int = 50, seed: int = 0) -> ad.AnnData:
    """Counts in which each type has genes of its own; labels, donors, and one cell without."""
    chance = np.random.default_rng(seed)
    shape = np.random.default_rng(1).lognormal(0.0, 1.0, NUM_GENES)
    labels = np.repeat(list(TYPES), per_type)
    rates = np.tile(shape, (len(labels), 1))
    for number in range(len(TYPES)):
        own = slice(15 * number, 15 * (number + 1))
        rates[number * per_type : (number + 1) * per_type, own] *= 6
    counts = chance.poisson(rates * chance.uniform(0.5, 1.5, (len(labels), 1)))
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(labels),
            "donor": np.array(["d0", "d1", "d2", "d3", "d4"])[np.arange(len(labels)) % 5],
        },
        index=[f"cell{number}" for number in range(len(labels))],
    )
    var = pd.DataFrame(index=symbols())
    return ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)), obs=obs, var=var)


def text_of(obs: pd.DataFrame) -> list[Any]:
    from cellmodels.models.langcell.training import CellText

    return [None if label != label else CellText(label, TYPES[label]) for label in obs["cell_type"]]


def write_corpus(folder: Path, *, with_texts: bool = True, **options: Any) -> Path:
    from cellmodels.models.langcell.training import write_cell_corpus

    texts = text_of if with_texts else None
    write_cell_corpus(folder, [pseudo_cells(**options)], processor(), text_of=texts)
    return folder


def recipe_values(**tables: dict[str, Any]) -> dict[str, Any]:
    """A recipe of seconds; keys of tables may be changed."""
    values: dict[str, Any] = {
        "seed": 3,
        "output": "run",
        "model": {
            "type": "langcell",
            "config": {
                "cell_config": {"model_type": "bert", **TINY},
                "text_config": TINY,
                "projection_dim": 16,
            },
        },
        "data": {"train": "corpus"},
        "objective": {"name": "langcell", "views": "genes"},
        "optimizer": {"learning_rate": 3e-3, "weight_decay": 0.01},
        "run": {
            "steps": 6,
            "length": 64,
            "batch_size": 16,
            "log_every": 1,
            "save_every": 3,
            "device": "cpu",
        },
    }
    for name, changes in tables.items():
        values[name] = {**values.get(name, {}), **changes}
    return values
