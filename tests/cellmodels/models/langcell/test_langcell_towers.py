"""Padding, batches and company change nothing about a cell, a text, or a pair."""

from __future__ import annotations

import pytest
import torch

from biosequence.errors import InputError, ModelError
from cellmodels.models.langcell import LangCellConfig

CELLS = (3, 17, 9, 1)
TEXTS = (2, 11, 7)


def rows(lengths, high, seed=0, extra=0):
    """Random ids padded on the right with 0, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(lengths) + extra
    ids = torch.randint(2, high, (len(lengths), longest), generator=generator)
    mask = (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()
    return ids * mask, mask


def far(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("extra", [0, 1, 20])
@torch.no_grad()
def test_padded_cells_equal_single_cells(tiny, kind, pooling, extra):
    model = tiny(kind, cell_pooling=pooling)
    ids, mask = rows(CELLS, 30, extra=extra)
    batch = model.encode_cells(ids, mask)
    for i, length in enumerate(CELLS):
        alone = model.encode_cells(ids[i : i + 1, :length])
        assert far(batch.embedding[i], alone.embedding[0]) < 2e-6
        assert far(batch.hidden[i, :length], alone.hidden[0]) < 2e-5


@pytest.mark.parametrize("extra", [0, 1, 20])
@torch.no_grad()
def test_padded_texts_equal_single_texts(tiny, extra):
    model = tiny()
    ids, mask = rows(TEXTS, 20, extra=extra)
    batch = model.encode_texts(ids, mask)
    for i, length in enumerate(TEXTS):
        alone = model.encode_texts(ids[i : i + 1, :length])
        assert far(batch.embedding[i], alone.embedding[0]) < 2e-6
        assert far(batch.hidden[i, :length], alone.hidden[0]) < 1e-5


@torch.no_grad()
def test_padded_pairs_equal_single_pairs(tiny, kind):
    model = tiny(kind)
    cells, cell_mask = rows((5, 17, 9), 30, extra=4)
    texts, text_mask = rows(TEXTS, 20, extra=3)
    hidden = model.encode_cells(cells, cell_mask).hidden
    batch = model.match(texts, text_mask, hidden, cell_mask)
    for i, (long, short) in enumerate(zip((5, 17, 9), TEXTS, strict=True)):
        alone = model.encode_cells(cells[i : i + 1, :long]).hidden
        pair = model.match(texts[i : i + 1, :short], None, alone, None)
        assert far(batch[i], pair[0]) < 1e-5


@torch.no_grad()
def test_several_texts_of_a_cell_equal_their_pairs(tiny):
    model = tiny()
    cells, cell_mask = rows((5, 17), 30)
    texts, text_mask = rows((2, 11, 7, 4, 4, 9), 20)
    hidden = model.encode_cells(cells, cell_mask).hidden
    shared = model.match(texts, text_mask, hidden, cell_mask)
    repeated = model.match(
        texts, text_mask, hidden.repeat_interleave(3, 0), cell_mask.repeat_interleave(3, 0)
    )
    assert far(shared, repeated) < 1e-6
    assert far(shared[:3], shared[3:]) > 1e-3


@torch.no_grad()
def test_texts_alone_do_not_use_the_weights_that_look_at_cells(tiny):
    model = tiny()
    texts, mask = rows(TEXTS, 20)
    cells = model.encode_cells(*rows(CELLS[:3], 30)).hidden
    alone, pairs = model.encode_texts(texts, mask), model.match(texts, mask, cells, None)
    for layer in model.text_tower.layers:
        layer.cross_attention.value.weight.mul_(3)
    assert torch.equal(model.encode_texts(texts, mask).embedding, alone.embedding)
    assert far(model.match(texts, mask, cells, None), pairs) > 1e-3


@torch.no_grad()
def test_rows_of_padding_alone_stay_finite(tiny, kind):
    model = tiny(kind, cell_pooling="mean")
    ids, mask = rows(CELLS, 30)
    mask[2] = 0
    cells = model.encode_cells(ids, mask)
    assert cells.embedding.isfinite().all()
    texts, text_mask = rows((4, 4, 4, 4), 20)
    assert model.match(texts, text_mask, cells.hidden, mask).isfinite().all()


def test_gradients_reach_every_weight(tiny, kind):
    model = tiny(kind, head="ForPreTraining", learn_temperature=True).train()
    cells, cell_mask = rows((5, 17, 9), 30)
    texts, text_mask = rows(TEXTS, 20)
    output = model(cells, cell_mask, texts, text_mask)
    target = torch.arange(3)
    loss = torch.nn.functional.cross_entropy(output.similarity, target)
    logits = model.match(texts, text_mask, output.cell_hidden, cell_mask)
    loss = loss + torch.nn.functional.cross_entropy(logits, torch.tensor([1, 0, 1]))
    genes = model.masked_gene_logits(output.cell_hidden[cell_mask.bool()])
    loss = loss + torch.nn.functional.cross_entropy(genes, cells[cell_mask.bool()])
    loss.backward()
    silent = [
        name
        for name, weight in model.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert not [name for name in silent if not name.endswith("key.bias")]
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_gradients_of_padding_are_zero(tiny, bio_kind):
    model = tiny(bio_kind)
    ids, mask = rows(CELLS, 29)
    ids = torch.where(mask.bool(), ids, 29)
    model.encode_cells(ids, mask).embedding.sum().backward()
    assert model.get_input_embeddings().weight.grad[29].abs().max() == 0


def test_checkpointing_computes_twice_and_changes_no_gradient(tiny, kind):
    found, calls = [], []
    for checkpointing in (False, True):
        model = tiny(kind).train()
        _silence_dropout(model)
        if checkpointing:
            model.gradient_checkpointing_enable()
        counted = []
        model.text_tower.layers[0].up.register_forward_hook(lambda *_, c=counted: c.append(1))
        cells, cell_mask = rows((5, 17, 9), 30)
        hidden = model.encode_cells(cells, cell_mask).hidden
        model.match(*rows(TEXTS, 20), hidden, cell_mask).square().sum().backward()
        calls.append(len(counted))
        found.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert calls == [1, 2]
    plain, saved = found
    assert plain.keys() == saved.keys()
    for name, grad in plain.items():
        assert far(saved[name], grad) < 1e-5, name


def _silence_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "score_dropout"):
            module.score_dropout = 0.0


def test_what_is_too_long_is_said(tiny):
    model = tiny()
    with pytest.raises(InputError, match="A cell has 41 genes"):
        model.encode_cells(*rows((41,), 30))
    with pytest.raises(InputError, match="A text has 33 tokens"):
        model.encode_texts(*rows((33,), 20))
    with pytest.raises(InputError, match="3 texts cannot be shared out among 2 cells"):
        model.match(*rows(TEXTS, 20), torch.zeros(2, 4, 32), None)


def test_bio_towers_read_more_genes_than_any_table_of_positions(tiny, bio_kind):
    model = tiny(bio_kind)
    with torch.no_grad():
        assert model.encode_cells(*rows((2500,), 30)).embedding.isfinite().all()


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"cell_config": {"model_type": "bioxlstm"}}, "sees all genes"),
        ({"cell_config": {"model_type": "t5"}}, "'t5' is no cell tower"),
        (
            {
                "cell_config": {
                    "model_type": "biomamba",
                    "bidirectional": "add",
                    "position_embeddings": "abs_1d",
                }
            },
            "Tables of positions",
        ),
        ({"text_config": {"encoder_width": 5}}, "expects cells of width 5"),
        ({"text_config": {"hidden_size": 30, "num_attention_heads": 4}}, "does not divide"),
        ({"temperature": 0}, "cannot divide"),
        ({"cell_pooling": "max"}, "'max' is not a value of cell_pooling"),
    ],
)
def test_configurations_that_cannot_be_are_refused(fields, what):
    with pytest.raises(ModelError, match=what):
        LangCellConfig(**fields)


@pytest.mark.parametrize("way", ["autocast", "weights"])
@torch.no_grad()
def test_bfloat16_stays_near_and_answers_in_fp32(tiny, kind, way):
    model = tiny(kind)
    cells, cell_mask = rows((5, 17, 9), 30)
    texts, text_mask = rows(TEXTS, 20)
    wanted = model(cells, cell_mask, texts, text_mask)
    exact = model.match(texts, text_mask, wanted.cell_hidden, cell_mask)
    if way == "weights":
        model = model.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
        found = model(cells, cell_mask, texts, text_mask)
        logits = model.match(texts, text_mask, found.cell_hidden, cell_mask)
    assert logits.dtype == found.cell_embedding.dtype == torch.float32
    assert far(found.cell_embedding, wanted.cell_embedding) < 0.05
    assert far(logits, exact) < 0.15
