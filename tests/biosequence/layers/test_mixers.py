"""Every mixer: steps equal the whole, states hand over, padding and documents do not leak."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biosequence.layers import (
    CausalConv,
    Mamba2Mixer,
    MambaMixer,
    MLSTMLargeMixer,
    MLSTMMixer,
    MLSTMMixerState,
    ResidualBlock,
    RMSNorm,
    SLSTMMixer,
)

WIDTH = 16
MIXERS = {
    "mlstm": lambda: MLSTMMixer(WIDTH, 32, 2),
    "mlstm, per head": lambda: MLSTMMixer(WIDTH, 32, 2, rope="per_head", bias=True),
    "mlstm, inner": lambda: MLSTMMixer(WIDTH, 32, 4, rope="inner", gate_input="qkv_post_rope"),
    "large": lambda: MLSTMLargeMixer(WIDTH, 2, qk_width=8, v_width=16, soft_cap=15.0),
    "large, sigmoid": lambda: MLSTMLargeMixer(
        WIDTH, 2, qk_width=8, v_width=16, input_gate="sigmoid", normalize=False
    ),
    "slstm": lambda: SLSTMMixer(WIDTH, 2),
    "mamba": lambda: MambaMixer(WIDTH, state_size=4),
    "mamba, rms": lambda: MambaMixer(WIDTH, state_size=4, rms_eps=1e-6),
    "mamba2": lambda: Mamba2Mixer(WIDTH, state_size=4, head_width=8, num_groups=2),
    "mamba2, clamped": lambda: Mamba2Mixer(WIDTH, state_size=4, head_width=8, dt_limit=(0.01, 0.5)),
}


def make(name):
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    mixer = MIXERS[name]()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return mixer.double()


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def flat(state):
    if state is None:
        return []
    if isinstance(state, torch.Tensor):
        return [state]
    return [x for part in state for x in flat(part)]


@pytest.mark.parametrize("name", MIXERS)
@torch.no_grad()
def test_a_step_is_forward_at_one_position(name):
    mixer, x = make(name), noise(2, 6, WIDTH)
    state = mixer(x[:, :5])[1]
    position = torch.full((2, 1), 5)
    whole, after = mixer(x[:, 5:], state, position_ids=position)
    one, stepped = mixer.step(x[:, 5], state, position_ids=position)
    assert torch.allclose(one, whole[:, 0], atol=1e-9)
    for a, b in zip(flat(after), flat(stepped), strict=True):
        assert torch.allclose(a, b, atol=1e-9)


@pytest.mark.parametrize("name", MIXERS)
@torch.no_grad()
def test_the_zero_state_is_the_start(name):
    mixer, x = make(name), noise(2, 5, WIDTH)
    assert torch.allclose(mixer(x, mixer.zero_state(2, like=x))[0], mixer(x)[0], atol=1e-12)


@pytest.mark.parametrize("name", MIXERS)
@given(cut=st.integers(1, 12), left=st.integers(0, 4), right=st.integers(0, 4))
@settings(max_examples=12, deadline=None)
@torch.no_grad()
def test_padding_changes_neither_output_nor_state(name, cut, left, right):
    mixer, x = make(name), noise(1, 13, WIDTH)
    whole, state = mixer(x)
    pads = noise(1, left, WIDTH, seed=1), noise(1, right, WIDTH, seed=2)
    padded = torch.cat((pads[0], x[:, :cut], pads[1]), 1)
    mask = torch.zeros(1, padded.shape[1], dtype=torch.bool)
    mask[:, left : left + cut] = True
    first, half = mixer(padded, mask=mask)
    position = torch.arange(cut, 13)[None]
    rest, after = mixer(x[:, cut:], half, position_ids=position)
    joined = torch.cat((first[:, left : left + cut], rest), 1)
    assert torch.allclose(joined, whole, atol=1e-9)
    # sLSTM and mLSTM memories are scaled by a stabiliser that padding may move.
    plain = flat(state.conv) if hasattr(state, "conv") else []
    for a, b in zip(flat(after.conv), plain, strict=True):
        assert torch.allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("name", MIXERS)
@torch.no_grad()
def test_a_document_does_not_see_the_one_before(name):
    mixer, x = make(name), noise(1, 11, WIDTH)
    documents = torch.tensor([[5] * 4 + [2] * 6 + [9]])
    packed = mixer(x, seq_idx=documents)[0]
    alone = [mixer(x[:, a:b])[0] for a, b in ((0, 4), (4, 10), (10, 11))]
    assert torch.allclose(packed, torch.cat(alone, 1), atol=1e-9)


@pytest.mark.parametrize("name", MIXERS)
def test_gradients_flow_through_a_state_that_is_handed_over(name):
    mixer = make(name)
    x = noise(1, 6, WIDTH).requires_grad_()
    mixer(x)[0].square().sum().backward()
    whole, x.grad = x.grad, None
    first, state = mixer(x[:, :3])
    second, _ = mixer(x[:, 3:], state, position_ids=torch.arange(3, 6)[None])
    torch.cat((first, second), 1).square().sum().backward()
    assert torch.allclose(x.grad, whole, atol=1e-8)


@pytest.mark.parametrize("name", MIXERS)
@torch.no_grad()
def test_only_the_past_is_seen(name):
    mixer, x = make(name), noise(1, 9, WIDTH)
    changed = x.clone()
    changed[:, 5:] += 1
    assert torch.allclose(mixer(changed)[0][:, :5], mixer(x)[0][:, :5], atol=1e-12)
    assert not torch.allclose(mixer(changed)[0][:, 5:], mixer(x)[0][:, 5:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_mamba_in_one_piece_is_what_it_is_in_pieces(dtype, packed, bias):
    torch.manual_seed(0)
    mixer = MambaMixer(WIDTH, state_size=5, bias=bias, conv_bias=bias).to(dtype)
    x = noise(2, 70, WIDTH).to(dtype)
    documents = torch.arange(70).expand(2, -1) // 30 if packed else None
    found = []
    for need_state in (False, True):
        y, state = mixer(x, seq_idx=documents, need_state=need_state)
        assert (state is None) is not need_state
        found.append([y, *torch.autograd.grad(y.square().sum(), list(mixer.parameters()))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_a_mamba_calls_a_projection_that_somebody_watches():
    mixer, seen = MambaMixer(WIDTH), []
    mixer.x_proj.register_forward_hook(lambda *call: seen.append(1))
    mixer(torch.randn(1, 4, WIDTH), need_state=False)
    assert seen == [1]


@torch.no_grad()
def test_a_block_without_feed_forward_adds_the_mixer_alone():
    block, x = ResidualBlock(RMSNorm(WIDTH), MambaMixer(WIDTH)), torch.randn(1, 4, WIDTH)
    assert torch.allclose(block(x)[0], x + block.mixer(block.norm(x))[0])


@torch.no_grad()
def test_the_window_is_of_real_inputs_only():
    conv, x = CausalConv(3, 4), torch.randn(2, 6, 3)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]])
    before = torch.randn(2, 3, 3)
    _, window = conv(x, before, mask=mask)
    assert torch.allclose(window[0], x[0, 1:4].T)
    assert torch.allclose(window[1], before[1])


def test_states_are_named_tuples_in_the_order_of_the_layer():
    assert MLSTMMixerState._fields == ("conv", "cell")
