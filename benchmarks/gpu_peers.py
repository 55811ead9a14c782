"""Calls of other people's kernels with our benchmark's inputs; each imports its package itself.

A peer that is not installed is left out of the table. Layouts are those of the peer: what it needs
to be turned or copied is part of its call, as it would be in a model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[dict[str, Any]], Any]


def mamba_ssm_scan(x: dict[str, Any]) -> Any:
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    u, delta, z, B, C = (x[name].mT.contiguous() for name in ("u", "delta", "z", "B", "C"))
    return selective_scan_fn(
        u, delta, x["A"], B, C, x["D"], z, x["delta_bias"], delta_softplus=True
    )


def transformers_scan(x: dict[str, Any]) -> Any:
    from transformers.models.mamba.modeling_mamba import mamba_selective_scan

    u, delta, z, B, C = (x[name].mT for name in ("u", "delta", "z", "B", "C"))
    if u.numel() > 1 << 24:
        raise ImportError("its backward pass is quadratic in length")
    found = mamba_selective_scan(
        u, delta, x["A"], B, C, x["D"], z, x["delta_bias"], delta_softplus=True
    )
    return found[0] if isinstance(found, tuple) else found


def mamba_ssm_ssd(x: dict[str, Any]) -> Any:
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

    return mamba_chunk_scan_combined(
        x["x"], x["dt"], x["A"], x["B"], x["C"], 256, D=x["D"], z=x["z"], dt_bias=x["dt_bias"],
        dt_softplus=True,
    )  # fmt: skip


def mlstm_kernels_xl(x: dict[str, Any]) -> Any:
    # Its backward leaves out the gradient through the divisor: less work than ours.
    from mlstm_kernels.torch.chunkwise import mlstm_chunkwise__xl_chunk

    i, f = x["i"].bfloat16(), x["f"].bfloat16()
    return mlstm_chunkwise__xl_chunk(x["q"], x["k"], x["v"], i, f, chunk_size=128)


def mlstm_kernels_limit(x: dict[str, Any]) -> Any:
    from mlstm_kernels.torch.chunkwise import mlstm_chunkwise__limit_chunk

    i, f = x["i"].bfloat16(), x["f"].bfloat16()
    return mlstm_chunkwise__limit_chunk(x["q"], x["k"], x["v"], i, f, chunk_size=64)


def fla_simple_gla(x: dict[str, Any]) -> Any:
    # The nearest op there: no input gate and no divisor.
    from fla.ops.simple_gla import chunk_simple_gla
    from torch.nn.functional import logsigmoid

    q, k, v = (x[name].transpose(1, 2) for name in "qkv")
    found = chunk_simple_gla(q, k, v, logsigmoid(x["f"]).transpose(1, 2))[0]
    # Keeps the input gate in the graph, so that every input has a gradient to clear.
    return found.transpose(1, 2) + 0 * x["i"][..., None].to(found.dtype)


def causal_conv1d_cuda(x: dict[str, Any]) -> Any:
    from causal_conv1d import causal_conv1d_fn

    return causal_conv1d_fn(x["x"].mT, x["weight"], x["bias"], activation="silu")


PEERS: dict[str, tuple[str, Call]] = {
    "mamba_ssm": ("selective_scan", mamba_ssm_scan),
    "transformers": ("selective_scan", transformers_scan),
    "mamba_ssm (SSD)": ("ssd", mamba_ssm_ssd),
    "mlstm_kernels xl_chunk 128": ("mlstm", mlstm_kernels_xl),
    "mlstm_kernels limit_chunk 64": ("mlstm", mlstm_kernels_limit),
    "fla simple_gla (no gate, no divisor)": ("mlstm", fla_simple_gla),
    "causal_conv1d": ("causal_conv1d", causal_conv1d_cuda),
}
