"""The published LangCell code and ours give the same numbers for the same weights."""

from __future__ import annotations

import pytest
import torch

from cellmodels.models.langcell.convert_langcell import convert_bundle_tensors

# Twice what the reference itself moves between single and double precision.
FP32 = {
    "cell_last_hidden_state": 5e-6,
    "cell_embedding": 5e-7,
    "text_embedding": 1e-6,
    "similarity_logits": 2e-5,
    "ctm_logits": 4e-6,
    "ctm_match_prob": 1e-6,
    "ctm_softmax_over_classes": 1e-6,
    "similarity_probs": 2e-6,
    "score_alpha_0.1": 3e-7,
}


@pytest.fixture(scope="module")
def model(golden):
    config = golden.config
    conversion = convert_bundle_tensors(
        golden.weights, config["cell_bert"], config["text_bert"], gene_rows=24
    )
    return conversion.model()


@torch.no_grad()
def outputs(model, golden):
    """Everything that the golden file holds, by its names there."""
    cell_mask, text_mask = golden["inputs/cell_attention_mask"], golden.text_mask
    texts = golden["inputs/text_input_ids"]
    output = model(golden["inputs/cell_input_ids"], cell_mask, texts, text_mask)
    cells, candidates = output.similarity.shape
    logits = model.match(
        texts.repeat(cells, 1), text_mask.repeat(cells, 1), output.cell_hidden, cell_mask
    ).view(cells, candidates, 2)
    match = logits.softmax(-1)[..., 1]
    similarity, again = output.similarity.softmax(-1), match.softmax(-1)
    return {
        "cell_last_hidden_state": output.cell_hidden,
        "cell_embedding": output.cell_embedding,
        "text_embedding": output.text_embedding,
        "similarity_logits": output.similarity,
        "similarity_probs": similarity,
        "ctm_logits": logits,
        "ctm_match_prob": match,
        "ctm_softmax_over_classes": again,
        "score_alpha_0.1": 0.1 * similarity + 0.9 * again,
    }


def far(a, b):
    return (a - b).abs().max().item()


def test_every_published_number_comes_out(model, golden):
    found = outputs(model, golden)
    assert found.keys() == FP32.keys()
    for name, tolerance in FP32.items():
        assert far(found[name], golden[f"outputs/{name}"]) < tolerance, name
    best = found["score_alpha_0.1"].argmax(-1)
    assert torch.equal(best, golden["outputs/prediction"])


def test_in_double_precision_the_final_score_is_the_references(model, golden):
    found = outputs(model.double(), golden)
    model.float()
    assert far(found["score_alpha_0.1"], golden["outputs/score_alpha_0.1_fp64"]) < 1e-12


@torch.no_grad()
def test_the_published_way_of_one_text_at_a_time_gives_the_same(model, golden):
    lengths = golden["inputs/text_lengths"].tolist()
    texts = golden["inputs/text_input_ids"]
    alone = [model.encode_texts(texts[i : i + 1, :n]).embedding for i, n in enumerate(lengths)]
    assert far(torch.cat(alone), golden["outputs/text_embedding"]) < FP32["text_embedding"]
