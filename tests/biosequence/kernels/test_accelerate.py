"""An accelerated model computes what it computed before, and so does every other model."""

from __future__ import annotations

import copy
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    FalconMambaConfig,
    FalconMambaForCausalLM,
    Mamba2Config,
    Mamba2ForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    xLSTMConfig,
    xLSTMForCausalLM,
)

from biosequence.errors import InputError, ModelError
from biosequence.kernels import accelerate, restore

SMALL: dict[str, Any] = {"vocab_size": 12, "hidden_size": 24, "num_hidden_layers": 2}


@pytest.fixture(autouse=True)
def one_model_each() -> None:
    """The same weights in every run; transformers needs operations that have no repeatable form."""
    # A few in a hundred models are so steep that both sides round by more than the tests allow.
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(False)
    logging.getLogger("transformers").setLevel(logging.ERROR)


def mamba(**options: Any) -> nn.Module:
    return MambaForCausalLM(MambaConfig(**SMALL, state_size=5, **options))


def falcon(**options: Any) -> nn.Module:
    return FalconMambaForCausalLM(FalconMambaConfig(**SMALL, state_size=5, **options))


def mamba2(**options: Any) -> nn.Module:
    return Mamba2ForCausalLM(
        Mamba2Config(
            **SMALL, state_size=5, num_heads=6, head_dim=8, n_groups=2, chunk_size=16, **options
        )
    )


def xlstm(**options: Any) -> nn.Module:
    config = {"mode": "inference", "chunk_size": 16, "num_heads": 2} | options
    # The widths are multiples of 64 in the cache and as given in the layer.
    return xLSTMForCausalLM(xLSTMConfig(**SMALL | {"hidden_size": 128}, **config))


def randomised(model: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.2 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def loss_and_gradients(model: nn.Module, ids: torch.Tensor, **options: Any) -> dict[str, Any]:
    model.zero_grad()
    out = model(ids, labels=ids, use_cache=False, **options)
    out.loss.backward()
    grads = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    return {"logits": out.logits.detach(), **grads}


MODELS = [
    mamba,
    falcon,
    mamba2,
    pytest.param(
        xlstm,
        marks=pytest.mark.skipif(not find_spec("biosequence.kernels.mlstm"), reason="no mlstm"),
    ),
]


def assert_stays(model: nn.Module, hidden: int | None = None, length: int = 37) -> None:
    """Logits and gradients before and after; the first row begins with padding."""
    ids = torch.randint(12, (2, length), generator=torch.Generator().manual_seed(1))
    mask = None if hidden is None else torch.ones_like(ids)
    if mask is not None:
        mask[0, :hidden] = 0
    before = loss_and_gradients(model, ids, attention_mask=mask)
    after = loss_and_gradients(accelerate(model), ids, attention_mask=mask)
    for name, tensor in before.items():
        scale = max(1.0, float(tensor.abs().max()))
        torch.testing.assert_close(after[name] / scale, tensor / scale, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("hidden", [None, 0, 5])
def test_logits_and_gradients_stay(make: Any, training: bool, hidden: int | None) -> None:
    assert_stays(randomised(make()).train(training), hidden)


def test_a_mamba_with_biases_and_one_position_trains_as_before() -> None:
    assert_stays(randomised(mamba(use_bias=True, use_conv_bias=False)).train())
    assert_stays(randomised(mamba()).train(), length=1)


class Adapted(nn.Module):
    """A linear layer beside which another one learns, with its weight where callers look."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base, self.added = base, nn.Linear(base.in_features, base.out_features, bias=False)

    @property
    def weight(self) -> torch.Tensor:
        return self.base.weight

    @property
    def bias(self) -> torch.Tensor | None:
        return self.base.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.added(x)


@pytest.mark.parametrize("name", ["in_proj", "x_proj", "out_proj"])
@pytest.mark.parametrize("late", [False, True])
def test_an_adapter_is_not_passed_by(name: str, late: bool) -> None:
    model = randomised(mamba()).train()
    changed = copy.deepcopy(model)
    if late:
        accelerate(changed)
    generator = torch.Generator().manual_seed(3)
    for one in (model, changed):
        mixer = one.backbone.layers[0].mixer
        setattr(mixer, name, Adapted(getattr(mixer, name)))
        with torch.no_grad():
            generator.manual_seed(3)
            added = getattr(mixer, name).added.weight
            added.copy_(torch.randn(added.shape, generator=generator))
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    before = loss_and_gradients(model, ids)
    after = loss_and_gradients(accelerate(changed), ids)
    for key, tensor in before.items():
        torch.testing.assert_close(after[key], tensor, atol=1e-4, rtol=1e-4)


def test_a_hook_on_a_projection_is_called() -> None:
    model, seen = accelerate(mamba()).train(), []
    model.backbone.layers[0].mixer.out_proj.register_forward_hook(lambda *a: seen.append(1))
    model(torch.tensor([[1, 2, 3]]))
    assert seen == [1]


def test_another_activation_stays_what_it_is() -> None:
    model = randomised(mamba(hidden_act="gelu"))
    ids = torch.tensor([[1, 2, 3, 4]])
    before = model(ids).logits
    torch.testing.assert_close(accelerate(model)(ids).logits, before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", MODELS)
def test_generated_text_stays(make: Any) -> None:
    model = randomised(make())
    ids = torch.randint(12, (2, 9), generator=torch.Generator().manual_seed(2))
    options: dict[str, Any] = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    before = model.generate(ids, **options)
    assert torch.equal(accelerate(model).generate(ids, **options), before)


@pytest.mark.parametrize(("op", "training"), [("selective_scan", False), ("mamba_inner", True)])
def test_the_op_that_runs_is_ours_and_only_where_asked(
    op: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    module = __import__("biosequence.kernels.accelerate", fromlist=["x"])
    ours = getattr(module, op)
    monkeypatch.setattr(module, op, lambda *a: calls.append(1) or ours(*a))
    ids = torch.tensor([[1, 2, 3]])
    changed, other = accelerate(mamba()).train(training), mamba().train(training)
    changed(ids)
    assert len(calls) == 2
    other(ids)
    restore(changed)(ids)
    assert len(calls) == 2


def test_twice_is_once_and_copies_run_their_own_weights() -> None:
    model = accelerate(accelerate(randomised(mamba())))
    ids = torch.tensor([[1, 2, 3]])
    copied = copy.deepcopy(model)
    before = model(ids).logits
    with torch.no_grad():
        for weight in copied.parameters():
            weight.zero_()
    assert not copied(ids).logits.any()
    assert torch.equal(model(ids).logits, before)
    assert all("forward" not in vars(part) for part in restore(model).modules())


def test_a_saved_model_is_an_ordinary_one(tmp_path: Path) -> None:
    model = randomised(mamba())
    accelerate(model).save_pretrained(tmp_path)
    ids = torch.tensor([[1, 2, 3, 4]])
    loaded = MambaForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(loaded(ids).logits, model(ids).logits, atol=1e-5, rtol=1e-5)


def test_packed_documents_run_where_the_model_passes_them_on() -> None:
    model = accelerate(randomised(mamba2())).backbone
    first, second = torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5, 6, 7]])
    seq_idx = torch.tensor([[0, 0, 0, 1, 1, 1, 1]], dtype=torch.int32)
    together = model(torch.cat([first, second], 1), seq_idx=seq_idx, use_cache=False)[0]
    alone = torch.cat([model(part, use_cache=False)[0] for part in (first, second)], 1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    with pytest.raises(InputError, match="packed documents would mix"):
        accelerate(mamba()).backbone.layers[0].mixer(torch.zeros(1, 7, 24), seq_idx=seq_idx)


def test_a_model_without_such_mixers_is_refused() -> None:
    with pytest.raises(ModelError, match="Linear has no mixer"):
        accelerate(nn.Linear(2, 2))


def test_a_mixer_with_a_forward_of_its_own_is_refused_and_nothing_changed() -> None:
    model = mamba()
    last = model.backbone.layers[1].mixer
    last.forward = last.forward
    with pytest.raises(ModelError, match="already has a forward"):
        accelerate(model)
    assert "forward" not in vars(model.backbone.layers[0].mixer)
