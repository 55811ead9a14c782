"""A LangCell of seconds that knows the six types of the liver sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData

    from cellmodels.models.langcell import LangCellProcessor

TYPES = {
    "B cell": "CL:0000236",
    "NK cell": "CL:0000623",
    "T cell": "CL:0000084",
    "monocyte": "CL:0000576",
    "hepatocyte": "CL:0000182",
    "endothelial": "CL:0000115",
}
# No term of the ontology stands for it.
FREE = "parenchyma that makes albumin"
LENGTH = 48
TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    # Of layers this narrow, BERT's usual 0.02 makes almost nothing.
    "initializer_range": 0.2,
}


def texts_of(name: str) -> tuple[str, ...]:
    """What the model learns to say of a type."""
    from cellmodels.models.langcell.texts import candidate_text, identity_text

    texts = (identity_text(TYPES[name]), f"cell type: {name}")
    return (*texts, candidate_text(FREE)) if name == "hepatocyte" else texts


def processor(cells: AnnData) -> LangCellProcessor:
    """Genes of these cells, and the words of all texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    from biosequence.tokenizers import Vocabulary
    from cellmodels.models.langcell import LangCellProcessor
    from cellmodels.tokenizers import GeneRankTokenizer

    counts = cells.X.toarray()
    shown = np.where(counts > 0, counts / counts.sum(axis=1, keepdims=True), np.nan) * 1e4
    medians = np.nanmedian(np.vstack([shown, np.ones(shown.shape[1])]), axis=0)
    tokens = ("<pad>", "<mask>", *cells.var_names, "<cls>")
    vocabulary = Vocabulary(tokens, {"pad": "<pad>", "mask": "<mask>", "cls": "<cls>"})
    padded = np.array([np.nan, np.nan, *medians, np.nan])
    genes = GeneRankTokenizer(vocabulary, padded, id_kind="shared", max_length=LENGTH)

    split = pre_tokenizers.BertPreTokenizer()
    said = [text for name in TYPES for text in texts_of(name)]
    words = sorted({word for text in said for word, _ in split.pre_tokenize_str(text)})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    table = {word: number for number, word in enumerate([*special, *words])}
    text = Tokenizer(models.WordLevel(table, unk_token="[UNK]"))
    text.pre_tokenizer = split
    text.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(token, table[token]) for token in ("[CLS]", "[SEP]")],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    return LangCellProcessor(
        genes, PreTrainedTokenizerFast(tokenizer_object=text, sep_token="[SEP]", **names)
    )


def train_tiny(cells: AnnData, folder: Path, *, steps: int = 160) -> Path:
    """Train on labelled cells with the losses of LangCell; the folder of the model."""
    from biosequence.training import recipe_from_values, train
    from cellmodels.models import register_objectives
    from cellmodels.models.langcell.training import CellText, write_cell_corpus

    def text_of(obs: Any) -> list[CellText]:
        return [CellText(name, texts_of(name), TYPES[name]) for name in obs["truth"]]

    write_cell_corpus(folder / "corpus", [cells], processor(cells), text_of=text_of)
    register_objectives()
    sizes = {"cell_config": {"model_type": "bert", **TOWER}, "text_config": TOWER}
    recipe = {
        "seed": 3,
        "output": str(folder / "run"),
        "model": {
            "type": "langcell",
            "config": {
                **sizes,
                "projection_dim": 16,
                "cell_pooling": "mean",
                "initializer_range": 0.2,
            },
        },
        "data": {"train": str(folder / "corpus")},
        "objective": {
            "name": "langcell",
            "cell_cell": 0.0,
            "masked_genes": 0.0,
            "temperature": 0.2,
        },
        "optimizer": {"learning_rate": 4e-3},
        "run": {
            "steps": steps,
            "length": LENGTH,
            "batch_size": 24,
            "save_every": steps,
            "device": "cpu",
        },
    }
    return train(recipe_from_values(recipe)).output / "model"
