"""The text tokenizer: WordPiece (Schuster and Nakajima, 2012), trained on texts of every type.

Everything is lower case. Case would tell a mouse gene from its human namesake, but a text need not
say that: what counts is that both are the same gene, and that "b CELLS" are B cells. Every ASCII
character is a piece of its own at worst, accents fall off and Greek letters are spelled out, so
that no text of European letters has an unknown piece.

Held-out types are among the texts: that their words are pieces says nothing about their cells.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import WordPieceTrainer
from transformers import PreTrainedTokenizerFast

from biosequence.atomic import atomic_folder
from cellmodels.genes import gene_table
from cellmodels.knowledge import marker_rows
from cellmodels.models.langcell.texts import identity_text
from cellmodels.ontology import cell_ontology, tissue_ontology
from cellmodels.ontology.normalise import GREEK

from .texts import text_variants

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = 5000
VARIANTS = 20
INNER = "##"
_LETTERS = string.ascii_lowercase + string.digits
_DASHES = Regex("[\u2010-\u2015\u2212]")


def training_texts(seed: int = 0, variants: int = VARIANTS) -> Iterator[str]:
    """Texts of every type of the ontology, most of them of those that have markers.

    Names of tissues and of all coding genes come once each: free descriptions use them too.
    """
    own = {row.cl_id for row in marker_rows()}
    for number, cl_id in enumerate(sorted(cell_ontology())):
        yield identity_text(cl_id)
        if cl_id in own:
            yield from text_variants(cl_id, np.random.default_rng([seed, number]), variants)
    yield from map(tissue_ontology().name, sorted(tissue_ontology()))
    yield from coding_genes()


def coding_genes() -> list[str]:
    """Symbols of the human protein-coding genes, sorted."""
    table = gene_table("human")
    return sorted(symbol for symbol in table.symbols if table.gene_class(symbol) == "coding")


def train_tokenizer(
    texts: Iterable[str], *, vocabulary: int = VOCABULARY
) -> PreTrainedTokenizerFast:
    """A BERT tokenizer of these texts; the same one for the same texts.

    Ids 0 to 4 are [PAD] [UNK] [CLS] [SEP] [MASK]; a text becomes [CLS] pieces [SEP].

    Parameters
    ----------
    texts
        What to learn the pieces from.
    vocabulary
        Number of pieces, specials included.
    """
    learner = _plain(models.WordPiece(unk_token="[UNK]"))
    # Inner letters stand with the specials while learning: their ids, and with them the choice
    # between pairs that are equally frequent, would else follow the order of a hash table.
    inner = [INNER + letter for letter in _LETTERS]
    trainer = WordPieceTrainer(
        vocab_size=vocabulary,
        special_tokens=[*SPECIALS, *inner],
        initial_alphabet=list(_LETTERS + string.punctuation),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    pieces = models.WordPiece(learner.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=200)
    final = _plain(pieces)
    final.add_special_tokens(list(SPECIALS))
    final.decoder = decoders.WordPiece(prefix=INNER)
    ends = [(name, final.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    final.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    named = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIALS, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=final,
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in named.items()},
    )


def _plain(model: models.WordPiece) -> Tokenizer:
    """A tokenizer that writes texts the BERT way, Greek and dashes in ASCII."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.BertNormalizer(lowercase=True, strip_accents=True),
            normalizers.Replace(_DASHES, "-"),
            normalizers.Replace("\u2019", "'"),
            *(normalizers.Replace(letter, f" {name} ") for letter, name in GREEK.items()),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


@dataclass(frozen=True)
class Coverage:
    """How texts split: pieces in a text and in a word, and the share of unknown pieces."""

    unknown: float
    per_word: float
    per_text: float
    longest: int


def coverage(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Coverage:
    """Measure how a tokenizer splits texts; [CLS] and [SEP] do not count."""
    rows = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    inner = {i for piece, i in tokenizer.get_vocab().items() if piece.startswith(INNER)}
    lengths = np.array([len(row) for row in rows])
    flat = np.concatenate([np.asarray(row, int) for row in rows])
    unknown = float((flat == tokenizer.unk_token_id).mean())
    words = len(flat) - int(np.isin(flat, list(inner)).sum())
    return Coverage(unknown, len(flat) / words, float(lengths.mean()), int(lengths.max()))


def main(arguments: list[str] | None = None) -> None:
    """Train the tokenizer, say how it splits, and write its files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="a new folder")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    options = parser.parse_args(arguments)
    texts = list(training_texts())
    tokenizer = train_tokenizer(texts, vocabulary=options.vocabulary)
    with atomic_folder(options.output) as folder:
        tokenizer.save_pretrained(folder)
    markers = sorted({gene for row in marker_rows() for gene in row.positive})
    samples = {
        "training texts": texts[::10],
        "identity texts": [identity_text(cl_id) for cl_id in sorted(cell_ontology())],
        "marker genes": markers,
        "coding genes": coding_genes(),
    }
    print(f"{len(tokenizer)} pieces of {len(texts)} texts")
    for name, some in samples.items():
        print(f"{name}: {coverage(tokenizer, some)}")


if __name__ == "__main__":
    main()
