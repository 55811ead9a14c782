"""The published bundle and Geneformer open, go back, and what is wrong with them is said."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForPreTraining, BertConfig, BertForMaskedLM

from biosequence.errors import InputError, ModelError
from cellmodels.models.langcell import (
    bundle_tensors,
    convert_bundle,
    convert_geneformer,
    save_bundle,
)

ROWS = 24
TEXT = {
    "vocab_size": 20,
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 40,
}


def far(a, b):
    return (a - b).abs().max().item()


@pytest.fixture
def geneformer(tmp_path):
    """Write transformers' own masked language model of a size, random everywhere."""

    def write(rows=30, **changes):
        torch.manual_seed(0)
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
        fields = {"vocab_size": rows, "intermediate_size": 48, "hidden_act": "relu", **sizes}
        model = BertForMaskedLM(BertConfig(**{**fields, **changes}))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape))
        model.eval().save_pretrained(tmp_path / "geneformer")
        return model, tmp_path / "geneformer"

    return write


@torch.no_grad()
def test_a_bundle_of_files_opens_with_auto_model_and_gives_the_published_numbers(
    bundle, golden, tmp_path
):
    conversion = convert_bundle(bundle, gene_rows=ROWS)
    model = AutoModel.from_pretrained(conversion.save(tmp_path / "ours"))
    assert type(model).__name__ == "LangCellModel"
    output = model(
        golden["inputs/cell_input_ids"],
        golden["inputs/cell_attention_mask"],
        golden["inputs/text_input_ids"],
        golden.text_mask,
    )
    assert far(output.similarity, golden["outputs/similarity_logits"]) < 2e-5


def test_the_report_says_what_became_of_every_key(bundle, golden):
    report = convert_bundle(bundle, gene_rows=ROWS).report
    told = {theirs for theirs, _ in report.renamed} | report.dropped.keys()
    assert told == golden.weights.keys()
    assert list(report.dropped) == ["text_bert/embeddings.position_ids"]
    assert "ctm_head/weight -> matching_head.weight" in report.lines()
    assert any(line.endswith("left out, positions are counted here") for line in report.lines())


def test_pooling_layers_of_the_towers_are_left_out(bundle):
    path = bundle / "text_bert" / "pytorch_model.bin"
    tensors = torch.load(path, weights_only=True)
    torch.save(tensors | {"pooler.dense.weight": torch.zeros(48, 48)}, path)
    report = convert_bundle(bundle, gene_rows=ROWS).report
    assert "text_bert/pooler.dense.weight" in report.dropped


def test_a_bundle_goes_back_unchanged(bundle, golden, tmp_path):
    model = convert_bundle(bundle, gene_rows=ROWS).model()
    report = save_bundle(model, tmp_path / "back")
    assert not report.dropped
    for part in ("cell_bert", "text_bert"):
        found = load_file(tmp_path / "back" / part / "model.safetensors")
        for key, value in found.items():
            assert torch.equal(value, golden.weights[f"{part}/{key}"]), key
        config = json.loads((tmp_path / "back" / part / "config.json").read_text())
        wanted = golden.config[part]
        assert {name: config[name] for name in wanted} == wanted
    for part in ("cell_proj", "text_proj", "ctm_head"):
        found = torch.load(tmp_path / "back" / f"{part}.bin", weights_only=True)
        for key in ("weight", "bias"):
            assert torch.equal(found[key], golden.weights[f"{part}/{key}"])
    again = convert_bundle(tmp_path / "back", gene_rows=ROWS)
    assert again.config.to_dict() == model.config.to_dict()
    for key, value in model.state_dict().items():
        assert torch.equal(again.tensors[key], value), key


@torch.no_grad()
def test_the_cell_tower_of_a_bundle_written_back_opens_in_transformers(tiny, tmp_path):
    model = tiny(head="ForPreTraining", learn_temperature=True)
    report = save_bundle(model, tmp_path / "back")
    assert {key.split(".")[0] for key in report.dropped} == {"masked_gene_head", "log_temperature"}
    tower = transformers.BertModel.from_pretrained(
        tmp_path / "back" / "cell_bert", add_pooling_layer=False
    )
    ids = torch.tensor([[29, 3, 4, 5]])
    assert far(tower(ids).last_hidden_state, model.encode_cells(ids).hidden) < 1e-6


def test_a_bio_tower_has_no_bundle(tiny, bio_kind):
    with pytest.raises(ModelError, match="cell tower is a BERT"):
        bundle_tensors(tiny(bio_kind))


@pytest.mark.parametrize("end", ["bin", "safetensors"])
@torch.no_grad()
def test_geneformer_names_the_same_masked_genes(geneformer, tmp_path, end):
    theirs, folder = geneformer()
    if end == "bin":
        torch.save(theirs.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    with pytest.warns(UserWarning, match="text side are new and untrained"):
        conversion = convert_geneformer(folder, text_config=TEXT)
    ours = AutoModelForPreTraining.from_pretrained(conversion.save(tmp_path / "ours"))
    ids = torch.randint(2, 30, (3, 11))
    mask = (torch.arange(11) < torch.tensor([11, 4, 7])[:, None]).long()
    hidden = ours.encode_cells(ids, mask).hidden
    assert far(ours.masked_gene_logits(hidden), theirs(ids, mask).logits) < 1e-5
    assert ours.masked_gene_head.decoder.weight is ours.get_input_embeddings().weight


@torch.no_grad()
def test_geneformer_with_a_head_of_its_own_keeps_it(geneformer):
    theirs, folder = geneformer(tie_word_embeddings=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = convert_geneformer(folder, text_config=TEXT).model()
    ids = torch.randint(2, 30, (3, 11))
    logits = ours.masked_gene_logits(ours.encode_cells(ids).hidden)
    assert not ours.config.tie_word_embeddings
    assert far(logits, theirs(ids).logits) < 1e-5


@pytest.mark.filterwarnings("ignore:Geneformer knows no texts")
@torch.no_grad()
def test_a_row_for_cls_is_appended_and_changes_no_other_gene(geneformer):
    theirs, folder = geneformer()
    ours = convert_geneformer(folder, text_config=TEXT, add_cls=True).model()
    table = ours.get_input_embeddings().weight
    assert len(table) == 31 == ours.config.cell_config.vocab_size
    assert far(table[30], theirs.bert.embeddings.word_embeddings.weight.mean(0)) < 1e-6
    ids = torch.randint(2, 30, (3, 11))
    logits = ours.masked_gene_logits(ours.encode_cells(ids).hidden)
    assert far(logits[..., :30], theirs(ids).logits) < 1e-5


@pytest.mark.filterwarnings("ignore:Geneformer knows no texts")
def test_the_published_vocabulary_without_cls_gets_its_row_by_itself(geneformer):
    small = {"hidden_size": 4, "num_attention_heads": 1, "num_hidden_layers": 1}
    _, folder = geneformer(rows=25_426, **small)
    assert convert_geneformer(folder, text_config=TEXT).config.cell_config.vocab_size == 25_427


@pytest.mark.filterwarnings("ignore:Geneformer knows no texts")
def test_the_new_text_side_is_the_same_every_time_and_leaves_random_numbers_alone(geneformer):
    _, folder = geneformer()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first = convert_geneformer(folder, text_config=TEXT)
    assert torch.equal(torch.rand(3), wanted)
    second = convert_geneformer(folder, text_config=TEXT)
    assert first.tensors["text_tower.layers.0.up.weight"].std() > 0
    for key, value in first.tensors.items():
        assert torch.equal(second.tensors[key], value), key


def test_all_missing_parts_are_named_at_once(bundle):
    (bundle / "ctm_head.bin").unlink()
    (bundle / "text_bert" / "config.json").unlink()
    (bundle / "cell_bert" / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError) as caught:
        convert_bundle(bundle, gene_rows=ROWS)
    assert "lacks 3 of its files" in caught.value.what
    for name in ("ctm_head.bin", "text_bert/config.json", "cell_bert/pytorch_model.bin"):
        assert name in caught.value.what
    assert "side by side" in caught.value.fix


def test_another_number_of_genes_is_refused(bundle):
    with pytest.raises(ModelError, match="has 24 rows, not 25,427") as caught:
        convert_bundle(bundle)
    assert "gene_rows=24" in caught.value.fix
    with pytest.raises(ModelError, match="the row of <cls> is missing"):
        convert_bundle(bundle, gene_rows=25)
    assert convert_bundle(bundle, gene_rows=None).config.cell_config.vocab_size == 24


def test_the_table_and_not_the_configuration_counts_the_genes(bundle):
    path = bundle / "cell_bert" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"vocab_size": 23}))
    assert convert_bundle(bundle, gene_rows=ROWS).config.cell_config.vocab_size == 24


def test_a_lost_tensor_is_named_as_in_the_file(bundle):
    path = bundle / "text_bert" / "pytorch_model.bin"
    tensors = torch.load(path, weights_only=True)
    del tensors["encoder.layer.1.crossattention.self.key.weight"]
    torch.save(tensors, path)
    with pytest.raises(ModelError, match=r"text_bert/encoder.layer.1.crossattention.self.key"):
        convert_bundle(bundle, gene_rows=ROWS)


def test_a_file_that_runs_code_is_refused_unrun(bundle, tmp_path):
    class Code:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    torch.save({"weight": Code()}, bundle / "ctm_head.bin")
    with pytest.raises(ModelError):
        convert_bundle(bundle, gene_rows=ROWS)
    assert not (tmp_path / "ran").exists()


def test_safetensors_serve_for_every_part(bundle, golden):
    for file in [*bundle.glob("*.bin"), *bundle.glob("*/*.bin")]:
        name = "model" if file.parent != bundle else file.stem
        tensors = torch.load(file, weights_only=True)
        save_file(tensors, file.with_name(f"{name}.safetensors"))
        file.unlink()
    tensors = convert_bundle(bundle, gene_rows=ROWS).tensors
    assert torch.equal(tensors["matching_head.weight"], golden.weights["ctm_head/weight"])


def test_what_is_no_geneformer_is_refused(bundle, geneformer, tmp_path):
    with pytest.raises(ModelError, match="no table of tokens"):
        convert_geneformer(bundle / "cell_bert")
    _, folder = geneformer()
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        convert_geneformer(folder)


def test_a_folder_in_use_is_left_alone(bundle, tmp_path):
    model = convert_bundle(bundle, gene_rows=ROWS).model()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError):
        save_bundle(model, tmp_path / "used")
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["thesis.txt"]
