"""Products of matrices are torch's own up to rounding, from whichever library they come."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from biosequence.kernels import onednn


def wide() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((3, 50, 300), (170, 300), (170,))
    x, weight, bias = (torch.randn(*size, generator=generator) for size in sizes)
    return x, weight, bias


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_a_layer_and_its_gradients(
    library: bool, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library and not onednn.has_wider():
        pytest.skip("this machine's products are not faster in the other library")
    monkeypatch.setattr(onednn, "has_wider", lambda: library)
    tensors = wide()[: 3 if biased else 2]
    found, wanted = [], []
    for results, layer in ((found, onednn.linear), (wanted, F.linear)):
        given = [tensor.clone().requires_grad_() for tensor in tensors]
        y = layer(*given)
        y.square().sum().backward()
        results += [y.detach(), *(tensor.grad for tensor in given)]
    for one, other in zip(found, wanted, strict=True):
        scale = float(other.abs().max())
        torch.testing.assert_close(one / scale, other / scale, atol=1e-6, rtol=0)


def test_views_of_any_strides() -> None:
    x, weight, bias = wide()
    rows = x.view(-1, 300)
    for a, b in (
        (rows, weight.t()),
        (rows.t(), torch.randn(150, 170)),
        (rows[:, :290], weight[:, :290].t()),
        (rows[:, ::2], weight[:, ::2].t()),
        (rows[::2], weight.t()),
        (rows[:1], weight.t()),
    ):
        torch.testing.assert_close(onednn.product(a, b), a @ b, atol=1e-3, rtol=1e-5)
    wanted = rows @ weight.t() + bias
    torch.testing.assert_close(onednn.product(rows, weight.t(), bias), wanted, atol=1e-3, rtol=0)


def test_other_types_and_autocast_are_left_to_torch() -> None:
    x, weight, bias = wide()
    doubled = onednn.linear(x.double(), weight.double(), bias.double())
    assert torch.equal(doubled, F.linear(x.double(), weight.double(), bias.double()))
    with torch.autocast("cpu", torch.bfloat16):
        assert onednn.linear(x, weight, bias).dtype == torch.bfloat16


def test_frozen_weights_get_no_gradient() -> None:
    x, weight, bias = wide()
    x.requires_grad_()
    onednn.linear(x, weight, bias).sum().backward()
    assert x.grad is not None and weight.grad is None
