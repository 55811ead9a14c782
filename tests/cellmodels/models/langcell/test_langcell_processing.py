"""The processor keeps both tokenizers together, on disk too."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from biosequence.errors import InputError, ModelError
from cellmodels.models.langcell import LangCellProcessor
from cellmodels.tokenizers import GeneRankTokenizer


def words(**specials):
    tokens = {"[PAD]": 0, "[UNK]": 1, "b": 2, "cell": 3}
    found = Tokenizer(models.WordLevel(tokens, "[UNK]"))
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=found, **specials)


@pytest.fixture
def genes():
    tokens = {"<pad>": 0, "<mask>": 1, "ENSG00000198851": 2, "ENSG00000156738": 3}
    return GeneRankTokenizer.from_published(
        tokens, {"ENSG00000198851": 2.0, "ENSG00000156738": 8.0}
    )


def test_a_trainer_sees_the_genes(genes):
    processor = LangCellProcessor(genes, words(pad_token="[PAD]"))
    assert len(processor) == len(genes) == 5
    assert processor.vocabulary is genes.vocabulary
    assert (processor.pad_id, processor.mask_id, processor.name) == (0, 1, "langcell")


def test_texts_are_padded_on_the_right_and_cut(genes):
    text = words(pad_token="[PAD]", padding_side="left")
    found = LangCellProcessor(genes, text).texts(["b", "b cell b cell"], max_length=3)
    assert found["input_ids"].tolist() == [[2, 0, 0], [2, 3, 2]]
    assert found["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]


def test_what_is_saved_comes_back(genes, tmp_path):
    processor = LangCellProcessor(genes, words(pad_token="[PAD]"))
    processor.save(tmp_path / "model")
    again = LangCellProcessor.load(tmp_path / "model")
    assert again.vocabulary == genes.vocabulary
    assert again.genes.medians_V[3] == 8.0
    wanted = processor.texts(["b cell"])["input_ids"].tolist()
    assert again.texts(["b cell"])["input_ids"].tolist() == wanted


def test_a_text_tokenizer_without_padding_is_refused(genes):
    with pytest.raises(InputError, match="no padding token"):
        LangCellProcessor(genes, words())


@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_lost_or_broken_text_tokenizer_is_said(genes, tmp_path, damage):
    LangCellProcessor(genes, words(pad_token="[PAD]")).save(tmp_path)
    file = tmp_path / "text" / "tokenizer.json"
    if damage == "missing":
        file.unlink()
    else:
        file.write_text("{")
    with pytest.raises(ModelError, match="tokenizer of texts cannot be read"):
        LangCellProcessor.load(tmp_path)
