"""`convert_checkpoint` knows LangCell and Geneformer, in both directions where there are two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertForMaskedLM

from biosequence.errors import ModelError, UsageError
from biosequence.inference import convert_checkpoint
from cellmodels.models import register_formats
from cellmodels.models.langcell import LangCellProcessor


@pytest.fixture(autouse=True)
def known():
    register_formats()


@pytest.fixture
def with_dictionaries(bundle):
    """The bundle with the dictionaries of its 23 genes and words, so that it can be read."""
    tokens = {"<pad>": 0, "<mask>": 1} | {f"ENSG{number:011d}": number for number in range(2, 23)}
    medians = {gene: 1.5 for gene in tokens if gene.startswith("ENSG")}
    (bundle / "token_dictionary.json").write_text(json.dumps(tokens))
    (bundle / "gene_median_dictionary.json").write_text(json.dumps(medians))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "b", "cell"]
    (bundle / "text_bert" / "vocab.txt").write_text("\n".join(words) + "\n")
    return bundle


def test_a_bundle_with_its_dictionaries_becomes_a_folder_that_reads_cells_and_texts(
    with_dictionaries, golden, tmp_path
):
    done = convert_checkpoint(with_dictionaries, tmp_path / "ours")
    assert (done.source_format, done.tokenizer) == ("langcell", "langcell")
    model = AutoModel.from_pretrained(tmp_path / "ours")
    processor = LangCellProcessor.load(tmp_path / "ours")
    assert len(processor) == model.config.vocab_size == 24
    texts = processor.texts(["B cell", "cell"])
    assert texts["input_ids"].tolist() == [[2, 5, 6, 3], [2, 6, 3, 0]]
    card = (tmp_path / "ours" / "README.md").read_text()
    for name in ("cell_bert/pytorch_model.bin", "ctm_head.bin"):
        assert f"sha256 of {name}" in card
    assert "embeddings.position_ids`: positions are counted here" in card


def test_a_bundle_goes_there_and_back_by_command(with_dictionaries, golden, tmp_path):
    convert_checkpoint(with_dictionaries, tmp_path / "ours")
    done = convert_checkpoint(tmp_path / "ours", tmp_path / "back", target="hf")
    assert ("matching_head.weight", "ctm_head/weight") in done.renamed
    found = load_file(tmp_path / "back" / "cell_bert" / "model.safetensors")
    key = "embeddings.word_embeddings.weight"
    assert torch.equal(found[key], golden.weights[f"cell_bert/{key}"])


def test_a_folder_that_lost_tensors_is_not_filled_with_random_numbers(with_dictionaries, tmp_path):
    convert_checkpoint(with_dictionaries, tmp_path / "ours")
    weights = tmp_path / "ours" / "model.safetensors"
    tensors = load_file(weights)
    del tensors["matching_head.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack: matching_head\.weight"):
        convert_checkpoint(tmp_path / "ours", tmp_path / "back", target="hf")
    assert not (tmp_path / "back").exists()


def test_a_classifier_has_no_bundle(tiny, tmp_path):
    tiny(head="ForSequenceClassification").save_pretrained(tmp_path / "ours")
    with pytest.raises(ModelError, match="holds both towers"):
        convert_checkpoint(tmp_path / "ours", tmp_path / "back", target="hf")


def test_without_dictionaries_the_published_number_of_genes_is_expected(bundle, tmp_path):
    with pytest.raises(ModelError, match="24 rows, not 25,427"):
        convert_checkpoint(bundle, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.filterwarnings("ignore:Geneformer knows no texts")
def test_geneformer_has_to_be_named(tmp_path):
    sizes = {"hidden_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    theirs = BertForMaskedLM(BertConfig(vocab_size=40, intermediate_size=8, **sizes))
    theirs.save_pretrained(tmp_path / "theirs")
    with pytest.raises(ModelError, match="no format that is known") as caught:
        convert_checkpoint(tmp_path / "theirs", tmp_path / "ours")
    assert "geneformer" in caught.value.fix


@pytest.mark.parametrize("options", [{"target": "hf"}, {"slstm_layout": "cuda"}])
def test_options_of_other_formats_are_refused(with_dictionaries, tmp_path, options):
    with pytest.raises(UsageError, match="become folders of ours"):
        convert_checkpoint(with_dictionaries, tmp_path / "ours", **options)


def test_our_folder_is_not_converted_to_itself(with_dictionaries, tmp_path):
    convert_checkpoint(with_dictionaries, tmp_path / "ours")
    with pytest.raises(UsageError, match="in our own format already"):
        convert_checkpoint(tmp_path / "ours", tmp_path / "again")


def test_a_damaged_dictionary_leaves_nothing_behind(with_dictionaries, tmp_path):
    (with_dictionaries / "token_dictionary.json").write_text("{")
    with pytest.raises(ValueError, match="token_dictionary"):
        convert_checkpoint(with_dictionaries, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_the_command_line_converts_a_bundle(with_dictionaries, tmp_path):
    from bioseq_cli.main import bioseq
    from click.testing import CliRunner

    words = ["convert", str(with_dictionaries), "-o", str(tmp_path / "ours"), "--json"]
    told = CliRunner().invoke(bioseq, words)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["model_class"] == "LangCellModel"
    assert Path(found["output"]).joinpath("genes", "bioseq_tokenizer.json").is_file()
