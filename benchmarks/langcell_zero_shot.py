"""The default zero-shot mode of LangCell beside the exact one: speed, labels, and `annotate`.

    python benchmarks/langcell_zero_shot.py --tower bert --candidates 50 --cells 480

A small model is trained on made-up cells first, by the project's own objective: the labels of an
untrained one would say nothing. Both modes then score the same new cells in turns, in one process
on one thread, by its CPU time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measured import conditions, run
from scipy import sparse
from synthetic import Profiles, draw_counts, make_profiles, write_cells

GENES, LENGTH = 4_000, 128
WIDTH = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {**WIDTH, "intermediate_size": 256, "initializer_range": 0.15}
TOWERS: dict[str, dict[str, Any]] = {
    "bert": {
        **{"model_type": "bert", **TEXT, "hidden_dropout_prob": 0.0},
        "attention_probs_dropout_prob": 0.0,
    },
    "gene-bag": {"model_type": "gene-bag", "hidden_size": 64, "hidden_dropout_prob": 0.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tower", choices=TOWERS, default="bert")
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--cells", type=int, default=480)
    parser.add_argument(
        "--keep", type=float, default=0.05, help="share of the molecules: few make types alike"
    )
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--annotate", type=int, default=4_000, help="cells of the file; 0: none")
    given = parser.parse_args()
    torch.set_num_threads(1)
    profiles = make_profiles(given.candidates, GENES)
    texts = describe(profiles)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = train_model(profiles, texts, given, folder)
        found = compare(model, profiles, texts, given)
        if given.annotate:
            found["annotate"] = annotate(model, profiles, texts, given.annotate, folder)
    print(json.dumps(found | conditions("transformers"), indent=1))


def describe(profiles: Profiles) -> list[str]:
    """A text of everyday length for each type; types of one name get a number."""
    from cellmodels.models.langcell.texts import identity_text
    from cellmodels.ontology import cell_ontology

    ontology = cell_ontology()
    texts = []
    for number, name in enumerate(profiles.types):
        match = ontology.resolve(name.rsplit(" ", 1)[0])
        said = identity_text(match.id) if match else f"{name}. A made-up type."
        texts.append(f"{said} Number {number}.")
    return texts


def draw_cells(profiles: Profiles, kinds: np.ndarray, keep: float, seed: int) -> sparse.csr_matrix:
    """Counts of which a part of the molecules was caught."""
    rng = np.random.default_rng(seed)
    counts = draw_counts(profiles, kinds, rng)
    counts.data = rng.binomial(counts.data.astype(np.int64), keep).astype(np.float32)
    counts.eliminate_zeros()
    return counts


def train_model(
    profiles: Profiles, texts: list[str], given: argparse.Namespace, folder: Path
) -> Path:
    """The folder of a model that was trained on these types and texts."""
    from anndata import AnnData

    from biosequence.training import recipe_from_values, train
    from cellmodels.models import register_objectives
    from cellmodels.models.langcell.training import CellText, write_cell_corpus

    tower, steps = TOWERS[given.tower], given.steps
    kinds = np.repeat(np.arange(len(texts)), 40)
    cells = AnnData(draw_cells(profiles, kinds, given.keep, seed=1))
    cells.var_names, cells.obs["kind"] = profiles.genes, kinds
    said = [CellText(text, (text,)) for text in texts]
    write_cell_corpus(
        folder / "corpus",
        [cells],
        make_processor(cells, texts),
        text_of=lambda obs: [said[kind] for kind in obs["kind"]],
    )
    register_objectives()
    recipe = {
        "seed": 1,
        "output": str(folder / "run"),
        "model": {
            "type": "langcell",
            "config": {
                "cell_config": tower,
                "text_config": {
                    **TEXT,
                    "hidden_dropout_prob": 0.0,
                    "attention_probs_dropout_prob": 0.0,
                },
                "projection_dim": 32,
                "cell_pooling": "cls" if tower["model_type"] == "gene-bag" else "mean",
                "initializer_range": 0.15,
            },
        },
        "data": {"train": str(folder / "corpus")},
        "objective": {
            "name": "langcell",
            "masked_genes": 0.0,
            "cell_cell": 0.0,
            "temperature": 0.1,
        },
        "optimizer": {"learning_rate": 3e-3},
        "run": {
            "steps": steps,
            "length": LENGTH,
            "batch_size": 48,
            "save_every": steps,
            "device": "cpu",
        },
    }
    return train(recipe_from_values(recipe)).output / "model"


def make_processor(cells: Any, texts: list[str]) -> Any:
    """The genes of these cells, and the words of these texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    from biosequence.tokenizers import Vocabulary
    from cellmodels.models.langcell import LangCellProcessor
    from cellmodels.tokenizers import GeneRankTokenizer

    columns = cells.X.multiply(1e4 / cells.X.sum(axis=1)).tocsc()
    parts = np.split(columns.data, columns.indptr[1:-1])
    medians = [np.nan, np.nan, *(np.median(part) if len(part) else 1.0 for part in parts), np.nan]
    tokens = ("<pad>", "<mask>", *cells.var_names, "<cls>")
    vocabulary = Vocabulary(tokens, {"pad": "<pad>", "mask": "<mask>", "cls": "<cls>"})
    genes = GeneRankTokenizer(vocabulary, np.array(medians), id_kind="shared", max_length=LENGTH)
    split = pre_tokenizers.BertPreTokenizer()
    words = sorted({word for text in texts for word, _ in split.pre_tokenize_str(text)})
    table = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    text = Tokenizer(models.WordLevel(table, unk_token="[UNK]"))
    text.pre_tokenizer = split
    text.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    return LangCellProcessor(
        genes, PreTrainedTokenizerFast(tokenizer_object=text, sep_token="[SEP]", **named)
    )


def compare(
    folder: Path, profiles: Profiles, texts: list[str], given: argparse.Namespace
) -> dict[str, Any]:
    """Both modes on new cells in turns: CPU seconds, their ratio, and how many labels agree."""
    from cellmodels.models.langcell.folder import LangCellFolder
    from cellmodels.models.langcell.reranking import REACH
    from cellmodels.models.langcell.scores import close_enough
    from cellmodels.models.langcell.zero_shot import ZeroShot

    found = LangCellFolder.open(folder)
    processor = found.processor()
    zero_shot = ZeroShot(found.model(), processor, texts, device="cpu")
    truth = np.random.default_rng(2).integers(0, len(texts), given.cells)
    counts = draw_cells(profiles, truth, given.keep, seed=3)
    cells = processor.genes.bind(list(profiles.genes))(counts)
    modes = {"exact": zero_shot.scores_exact, "default": lambda them: zero_shot.scores(them)[0]}
    zero_shot.scores(cells[:16])
    seconds: dict[str, list[float]] = {name: [] for name in modes}
    labels: dict[str, np.ndarray] = {}
    for _ in range(given.rounds):
        for name, score in modes.items():
            started = time.process_time()
            labels[name] = score(cells).argmax(1)
            seconds[name].append(time.process_time() - started)
    ratios = [e / d for e, d in zip(seconds["exact"], seconds["default"], strict=True)]
    scores = zero_shot.scores_exact(cells, 1.0)
    gap = np.sort(scores, axis=1)[:, -1] - np.sort(scores, axis=1)[:, -2]
    return {
        "candidates": len(texts),
        "matched_cells": float((gap <= close_enough(min(len(texts), REACH))).mean()),
        "genes_a_cell": float(np.mean(cells.lengths)),
        "tokens_a_text": zero_shot.text_length,
        "ms_a_cell": {k: round(1e3 * median(v) / given.cells, 3) for k, v in seconds.items()},
        "exact_over_default": round(median(ratios), 1),
        "equal_labels": float((labels["exact"] == labels["default"]).mean()),
        "right": {name: float((label == truth).mean()) for name, label in labels.items()},
    }


def annotate(
    model: Path, profiles: Profiles, texts: list[str], num_cells: int, folder: Path
) -> dict[str, Any]:
    """`bioseq annotate --method langcell` from file to file, each text a candidate."""
    write_cells(folder / "cells.h5ad", num_cells, profiles)
    (folder / "candidates.txt").write_text("\n".join(texts), encoding="utf-8")
    command = [sys.executable, "-m", "bioseq_cli", "annotate", str(folder / "cells.h5ad")]
    command += ["--method", "langcell", "--model", str(model), "--device", "cpu", "--no-report"]
    command += ["--candidates", str(folder / "candidates.txt"), "--quiet"]
    took = run(command)
    return {
        "cells": num_cells,
        "seconds": round(took.seconds, 1),
        "cells_a_second": round(num_cells / took.seconds),
        "peak_gb": round(took.peak_bytes / 1e9, 2),
    }


if __name__ == "__main__":
    main()
