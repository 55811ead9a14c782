"""LangCell and Geneformer checkpoints for `bioseq convert`; see :mod:`biosequence.inference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from biosequence.errors import ModelError
from biosequence.inference.formats import Published
from biosequence.inference.loading import load_weights
from biosequence.models.key_map import KeyReport
from cellmodels.tokenizers import GeneRankTokenizer

from . import modeling_langcell
from .configuration_langcell import GENE_ROWS, LangCellConfig
from .convert_langcell import bundle_files, convert_bundle, write_bundle
from .geneformer import convert_geneformer
from .processing_langcell import LangCellProcessor, load_text_tokenizer

TOKENS = ("token_dictionary.json", "geneformer_token_dictionary.json")
MEDIANS = ("gene_median_dictionary.json", "geneformer_gene_median_dictionary.json")
"""Names of the dictionaries beside a bundle, gzipped or not. Their pickles are never read."""


def read_langcell(source: Path, named: bool) -> Published | None:
    """The published bundle, with its processor where dictionaries and words lie in it."""
    if not named and not (source / "cell_bert").is_dir():
        return None
    files, processor = bundle_files(source), bundle_processor(source)
    rows = GENE_ROWS if processor is None else len(processor)
    return Published(
        convert_bundle(source, gene_rows=rows), list(files.values()), tokenizer=processor
    )


def read_geneformer(source: Path, named: bool) -> Published | None:
    """A Geneformer checkpoint, where the user says so: it looks like any BERT."""
    return Published(convert_geneformer(source)) if named else None


def write_langcell(source: Path, folder: Path) -> tuple[Any, KeyReport]:
    """A folder of ours as the published bundle."""
    names = json.loads((source / "config.json").read_text(encoding="utf-8")).get("architectures")
    name = (names or ["LangCellModel"])[0]
    if name not in ("LangCellModel", "LangCellForPreTraining"):
        raise ModelError(
            f"The bundle holds both towers, and a {name} has one.",
            where=str(source),
            fix="Give the folder of a LangCellModel or LangCellForPreTraining.",
        )
    config = LangCellConfig.from_pretrained(str(source))
    model = load_weights(source, getattr(modeling_langcell, name), config)
    return model, write_bundle(model, folder)


def bundle_processor(folder: Path) -> LangCellProcessor | None:
    """The processor of a bundle that has both dictionaries as JSON and its text tokenizer.

    Raises
    ------
    InputError
        A dictionary cannot be read or lacks genes.
    ModelError
        The text tokenizer is damaged.
    """
    tokens, medians = (_first(folder, names) for names in (TOKENS, MEDIANS))
    words = folder / "text_bert"
    if tokens is None or medians is None:
        return None
    if not any((words / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
        return None
    genes = GeneRankTokenizer.from_published(tokens, medians)
    return LangCellProcessor(genes, load_text_tokenizer(words))


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    files = [folder / f"{name}{end}" for name in names for end in ("", ".gz")]
    return next((path for path in files if path.is_file()), None)
