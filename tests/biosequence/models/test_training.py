"""Gradients reach every parameter, checkpointing changes nothing, losses are what they say."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from biosequence import models
from biosequence.errors import InputError, ModelError, UsageError
from biosequence.models import BioXLSTMConfig, BioXLSTMForCausalLM


def ids(*shape, seed=0):
    return torch.randint(4, 12, shape, generator=torch.Generator().manual_seed(seed))


def gradients(model, x):
    model.zero_grad()
    model.train()
    torch.manual_seed(0)
    model(x, labels=x).loss.backward()
    return {name: p.grad for name, p in model.named_parameters()}


def test_a_gradient_reaches_every_parameter(tiny, kind):
    x = ids(2, 18)
    positions = {}
    model = tiny(kind)
    if model.config.has_seq_positions:
        positions = {"seq_position_ids": torch.arange(18).expand(2, -1) // 6}
    model.train()
    model(x, labels=x, **positions).loss.backward()
    unfed = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not unfed


@pytest.mark.parametrize(
    "name", ["v1 with sLSTM", "large", "mamba", "sum legacy", "strands", "caduceus, fused"]
)
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_gradients_are_the_same(tiny, name, reentrant):
    model, x = tiny(name), ids(2, 12)
    plain = gradients(model, x)
    # transformers renamed the switch in 5.2x; the old name warns there.
    old = model.gradient_checkpointing_enable
    getattr(model, "activation_checkpointing_enable", old)({"use_reentrant": reentrant})
    if reentrant:
        model.enable_input_require_grads()
    saved = gradients(model, x)
    for key, value in plain.items():
        assert torch.allclose(value, saved[key], atol=1e-6), key


@torch.no_grad()
def test_causal_loss_is_of_the_next_token(tiny):
    model, x = tiny("v1"), ids(2, 9)
    labels = x.clone()
    labels[:, :3] = -100
    output = model(x, labels=labels)
    wanted = F.cross_entropy(output.logits[:, 2:-1].flatten(0, 1), x[:, 3:].flatten())
    assert output.loss == pytest.approx(wanted.item(), abs=1e-6)


@torch.no_grad()
def test_masked_loss_is_of_the_same_token(tiny):
    model, x = tiny("bimamba"), ids(2, 9)
    labels = torch.full_like(x, -100)
    labels[:, 4] = x[:, 4]
    output = model(x, labels=labels)
    wanted = F.cross_entropy(output.logits[:, 4], x[:, 4])
    assert output.loss == pytest.approx(wanted.item(), abs=1e-6)


@pytest.mark.parametrize("name", ["v1", "strands", "mamba", "caduceus"])
@pytest.mark.parametrize(
    ("problem", "labels"),
    [
        ("regression", torch.tensor([0.5, -1.0])),
        ("single_label_classification", torch.tensor([1, 0])),
        ("multi_label_classification", torch.tensor([[1.0, 0.0], [1.0, 1.0]])),
    ],
)
def test_sequence_heads_learn_every_kind_of_label(tiny, name, problem, labels):
    count = 1 if problem == "regression" else 2
    model = tiny(name, "ForSequenceClassification", num_labels=count, problem_type=problem)
    output = model(ids(2, 9), labels=labels)
    assert output.logits.shape == (2, count)
    output.loss.backward()
    assert model.classifier.weight.grad.abs().sum() > 0


def test_regression_of_positions_leaves_out_what_is_not_known(tiny):
    kind = {"num_labels": 1, "problem_type": "regression"}
    model, x = tiny("mamba", "ForTokenClassification", **kind), ids(2, 9)
    labels = torch.full((2, 9), torch.nan)
    labels[0, 3] = 2.0
    output = model(x, labels=labels)
    assert output.loss.item() == pytest.approx((output.logits[0, 3, 0].item() - 2) ** 2)


@pytest.mark.parametrize("pooling", ["mean", "last", "first"])
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_pooling_leaves_padding_out(tiny, pooling, side):
    model = tiny("bimamba", "ForSequenceClassification", num_labels=2, pooling=pooling)
    row, pad = ids(1, 7), torch.full((1, 4), 3)
    batch = torch.cat((pad, row) if side == "left" else (row, pad), 1)
    mask = (batch != 3).long()
    alone = model(row).logits
    assert torch.allclose(model(batch, attention_mask=mask).logits, alone, atol=1e-5)


def test_tied_heads_share_one_table(tiny):
    model = tiny("v1", tie_word_embeddings=True)
    assert model.lm_head.weight is model.backbone.embed.tokens.weight


def test_mistakes_are_named(tiny):
    model = tiny("v1")
    with pytest.raises(InputError, match="outside the vocabulary"):
        model(torch.tensor([[12]]))
    with pytest.raises(InputError, match="input_ids or inputs_embeds"):
        model()
    with pytest.raises(InputError, match="attention_mask"):
        model(ids(2, 5), attention_mask=torch.ones(2, 4))
    two_way = tiny("bimamba")
    with pytest.raises(UsageError, match="no state"):
        two_way.backbone(ids(1, 5), use_cache=True)
    with pytest.raises(ModelError, match="predicts the next token"):
        BioXLSTMForCausalLM(BioXLSTMConfig(hidden_size=32, bidirectional="sum"))
    with pytest.raises(InputError, match="padding only"):
        tiny("v1", "ForSequenceClassification", num_labels=2)(
            ids(1, 5), attention_mask=torch.zeros(1, 5)
        )


@torch.no_grad()
def test_vectors_can_stand_for_ids(tiny):
    model, x = tiny("mamba"), ids(2, 9)
    vectors = model.get_input_embeddings()(x)
    assert torch.allclose(model(inputs_embeds=vectors).logits, model(x).logits, atol=1e-6)


@pytest.mark.parametrize("family", ["BioXLSTM", "BioMamba"])
@torch.no_grad()
def test_fresh_models_start_near_even_odds(family):
    torch.manual_seed(0)
    config = getattr(models, f"{family}Config")(vocab_size=12, hidden_size=64)
    model = getattr(models, f"{family}ForCausalLM")(config).eval()
    # All tokens alike: a head that is drawn by chance favours some of them.
    x = torch.randint(12, (16, 64), generator=torch.Generator().manual_seed(0))
    assert model(x, labels=x).loss.item() == pytest.approx(math.log(12), abs=0.3)


@pytest.mark.parametrize("name", ["v1 with sLSTM", "prot", "large", "mamba", "mamba2"])
@torch.no_grad()
def test_lower_precision_stays_close(tiny, name):
    model, x = tiny(name), ids(2, 40)
    exact = model(x).logits
    rough = model.to(torch.bfloat16)(x).logits
    assert rough.isfinite().all()
    assert (rough - exact).abs().mean() < 0.1 * exact.std()


@pytest.mark.parametrize("name", ["v1 with sLSTM", "prot", "large", "mamba", "mamba2", "caduceus"])
def test_mixed_precision_training_gives_finite_gradients(tiny, name):
    model, x = tiny(name), ids(2, 20)
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(x, labels=x).loss
    loss.backward()
    exact = model(x, labels=x).loss
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert loss.item() == pytest.approx(exact.item(), rel=0.05)


def test_only_matrices_decay(tiny, kind):
    model = tiny(kind)
    names = models.no_decay_names(model)
    for name, parameter in model.named_parameters():
        small = parameter.ndim == 1 or name.endswith(("A_log", "mixer.bias"))
        assert (name in names) == small, name
