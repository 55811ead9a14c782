"""Forward and backward passes over the kernels: grids, buffers and block sizes."""

# Shapes: B batch, H heads, G groups of heads that share q and k, L length, N chunks, T positions of
# a chunk (M = N T padded positions), K key width, V value width.

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..gpu import block, dense_last, on_device_of
from . import triton as kernels

CHUNK = 64
CHUNKS = (16, 32, 64, 128)
LOG2E = 1.4426950408889634


class Gates(NamedTuple):
    """Weights of all positions in fp32, padded so that nothing beyond L counts.

    Parameters
    ----------
    row, column
        Exponents of two (B, H, M, 2), `exponents`: ``2 ** (row[t] + column[s])`` inside a chunk.
    enter, leave
        Factors of the state at each position, and of each position in the state (B, H, M).
    keep
        What is left of the state over each chunk (B, H, N).
    document
        Number of the document (B, M) as int32, or None for one document.
    factor
        Factor of the values (B, H, M), which `column` and `leave` do not hold; None for ones.
    """

    row: Tensor
    column: Tensor
    enter: Tensor
    leave: Tensor
    keep: Tensor
    document: Tensor | None
    factor: Tensor | None = None

    @property
    def leave_whole(self) -> Tensor:
        """What is left of a value in the state, its factor included."""
        return self.leave if self.factor is None else self.leave * self.factor

    def optional(self) -> tuple[Tensor, Tensor, dict[str, bool]]:
        """Factor and document, with any pointer for what is not there, and which one is."""
        flags = {
            "HAS_FACTOR": self.factor is not None,
            "HAS_DOCUMENT": self.document is not None,
        }
        factor = self.row if self.factor is None else self.factor
        return factor, (self.row if self.document is None else self.document), flags


class Divisor(NamedTuple):
    """What the output is divided by: ``max(|den|, floor) + eps``; floor (B, H, M)."""

    floor: Tensor
    eps: float


class Kept(NamedTuple):
    """What the backward pass needs besides the inputs."""

    scores: Tensor
    states: Tensor
    n: Tensor


class Slopes(NamedTuple):
    """Gradients of the inputs and of the first state.

    `write` (B, H, M) is the slope of the log of what each position writes, without
    `Gates.factor`; `leaving` (B, H, N) that of the log of each chunk's last state.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    write: Tensor
    leaving: Tensor
    C0: Tensor
    n0: Tensor


def chunk_of(chunk_size: int | None) -> int:
    """The number of positions in a chunk: what was asked for if a kernel has that size."""
    if chunk_size is None:
        return CHUNK
    return max((size for size in CHUNKS if size <= chunk_size), default=CHUNKS[0])


def padded(x: Tensor, chunk: int, fill: float) -> Tensor:
    """The last axis filled up to whole chunks."""
    return torch.nn.functional.pad(x, (0, -x.shape[-1] % chunk), value=fill)


def exponents(x: Tensor, chunk: int) -> Tensor:
    """Exponents (B, H, L) in fp64, base e, as pairs of fp32 to the base 2 (B, H, M, 2)."""
    x = padded(x * LOG2E, chunk, -1e30)
    high = x.float()
    # What is infinite leaves nothing out.
    low = torch.where(high.isinf(), 0.0, x - high).float()
    return torch.stack([high, low], -1)


class Plan:
    """Sizes, blocks and launch options of one call.

    Parameters
    ----------
    q
        Queries (B, G, L, K).
    v
        Values (B, H, L, V).
    chunk
        Positions of a chunk.
    """

    def __init__(self, q: Tensor, v: Tensor, chunk: int) -> None:
        self.B, self.G, self.L, self.K = q.shape
        self.H, self.V = v.shape[1], v.shape[-1]
        self.T, self.N, self.R = chunk, -(-self.L // chunk), self.H // self.G
        half = q.dtype == torch.bfloat16 and v.dtype == torch.bfloat16
        # Products of fp32 take three times the registers.
        self.X, self.Y = (block(size, 16, 64 if half else 32) for size in (self.K, self.V))
        self.blocks_K, self.blocks_V = -(-self.K // self.X), -(-self.V // self.Y)
        self.state_dtype = torch.bfloat16 if half else torch.float32
        self.sizes = {"K": self.K, "V": self.V, "T": self.T, "X": self.X, "Y": self.Y}
        self.launch = launch_options(self.T, self.X, self.Y, half)
        self.like = {"device": q.device, "dtype": torch.float32}
        self.dots = kernels.dot_options(torch.float16 in (q.dtype, v.dtype), half)

    def empty(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Memory that a kernel fills."""
        return torch.empty(shape, device=self.like["device"], dtype=dtype or torch.float32)

    @property
    def heads(self) -> tuple[int, int, int, int]:
        """Arguments that every kernel with a loop over heads takes."""
        return self.H, self.R, self.L, self.N


def launch_options(T: int, X: int, Y: int, half: bool) -> dict[str, int]:
    """Warps and stages by the size of the largest tile; twice the warps for fp32."""
    tile = max(T * T, T * X, T * Y) * (1 if half else 2)
    return {"num_warps": 2 if tile <= 1024 else 4 if tile <= 4096 else 8, "num_stages": 2}


def _strided(x: Tensor) -> tuple[Any, ...]:
    return x, *x.stride()[:3]


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gates: Gates,
    chunk: int,
    start: tuple[Tensor, Tensor | None] | None,
    divisor: Divisor | None,
    divide: bool,
    out_dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Kept]:
    """Output, its divisor (B, H, M), last states C and n, and what the backward pass needs.

    Parameters
    ----------
    q, k
        (B, G, L, K).
    v
        (B, H, L, V).
    gates
        Their weights.
    chunk
        Positions of a chunk, as the gates are padded.
    start
        C (B, H, K, V) and n (B, H, K) before the first position, or None for zeros.
    divisor
        How outputs are divided; None for no normaliser at all.
    divide
        Divide here; False to return the numerator beside the divisor.
    out_dtype
        Type of the output; None for that of v.
    """
    q, k, v = dense_last(q), dense_last(k), dense_last(v)
    p = Plan(q, v, chunk)
    B, H, N, T, K, V = p.B, p.H, p.N, p.T, p.K, p.V
    scores = p.empty(B * p.G, N, T, T)
    states = p.empty(B, H, N + 1, K, V, dtype=p.state_dtype)
    n, C_last = p.empty(B, H, N + 1, K), p.empty(B, H, K, V)
    den = p.empty(B, H, N * T)
    out = torch.empty_like(v, dtype=out_dtype)
    C0, n0 = (C_last, n) if start is None else start
    n0 = n if n0 is None else n0
    factor, document, optional = gates.optional()
    floor, eps = (den, 0.0) if divisor is None else divisor
    flags = {"DIVISOR": divisor is not None}
    tiled = {name: p.sizes[name] for name in "KTX"}
    with on_device_of(q):
        kernels.scores_kernel[(N, B * p.G)](
            *_strided(q), *_strided(k), scores, p.G, p.L, N, **tiled, **p.dots, **p.launch
        )
        kernels.states_kernel[(p.blocks_K, p.blocks_V, B * H)](
            *_strided(k), *_strided(v), gates.leave_whole, gates.keep, C0.contiguous(),
            n0.contiguous(),
            states, n, C_last, *p.heads, **p.sizes, **p.dots, **flags,
            HAS_START=start is not None, **p.launch,
        )  # fmt: skip
        kernels.output_kernel[(p.blocks_V, N, B * H)](
            *_strided(q), *_strided(v), gates.row, gates.column, gates.enter, factor, document,
            scores, states, n, *_strided(out), den, floor, eps, *p.heads, **p.sizes, **p.dots,
            **flags, **optional, DIVIDE=divide, **p.launch,
        )  # fmt: skip
    return out, den, C_last, n[:, :, -1], Kept(scores, states, n)


def along(out: Tensor, d_out: Tensor, chunk: int) -> Tensor:
    """Inner product of each output with its gradient (B, H, M)."""
    out, d_out = dense_last(out), dense_last(d_out)
    B, H, L, V = out.shape
    N = -(-L // chunk)
    found = torch.empty(B, H, N * chunk, device=out.device, dtype=torch.float32)
    with on_device_of(out):
        kernels.along_kernel[(N, B * H)](
            *_strided(out), *_strided(d_out), found, H, L, N, V=V, T=chunk, Y=block(V, 16, 64)
        )
    return found


def backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gates: Gates,
    chunk: int,
    kept: Kept,
    d_out: Tensor,
    inverse: Tensor,
    d_den: Tensor | None,
    d_last: tuple[Tensor, Tensor | None],
) -> Slopes:
    """Gradients from those of the output, the divisor and the last states.

    Parameters
    ----------
    q, k, v, gates, chunk
        As in `forward`.
    kept
        What `forward` returned last.
    d_out
        Gradient of the output (B, H, L, V).
    inverse
        One over the divisor of each output (B, H, M); ones where nothing was divided.
    d_den
        Gradient of the divisor before its floor (B, H, M); None without a normaliser.
    d_last
        Gradients of the last C and n.
    """
    q, k, v, d_out = dense_last(q), dense_last(k), dense_last(v), dense_last(d_out)
    p = Plan(q, v, chunk)
    B, H, N, T, K, V = p.B, p.H, p.N, p.T, p.K, p.V
    dq, dk, dv = (torch.empty_like(x) for x in (q, k, v))
    d_states = torch.empty_like(kept.states)
    dn, leaving = torch.empty_like(kept.n), p.empty(B, H, N, p.blocks_K * p.blocks_V)
    dC0, dn0 = p.empty(B, H, K, V), p.empty(B, H, K)
    write = p.empty(p.blocks_V, B, H, N * T)
    factor, document, optional = gates.optional()
    flags = {"DIVISOR": d_den is not None}
    d_den = inverse if d_den is None else d_den
    dC_last, dn_last = (dn0 if x is None else x.contiguous() for x in d_last)
    with on_device_of(q):
        kernels.states_back_kernel[(p.blocks_K, p.blocks_V, B * H)](
            *_strided(q), *_strided(d_out), gates.enter, gates.keep, inverse, d_den, kept.states,
            kept.n, dC_last, dn_last, d_states, dn, dC0, dn0, leaving, *p.heads,
            **p.sizes, **p.dots, **flags, **p.launch,
        )  # fmt: skip
        kernels.values_back_kernel[(p.blocks_V, N, B * H)](
            *_strided(k), *_strided(v), *_strided(d_out), *_strided(dv), gates.row, gates.column,
            gates.leave, factor, inverse, d_den, document, kept.scores, d_states, dn, write,
            *p.heads, **p.sizes, **p.dots, **flags, **optional, **p.launch,
        )  # fmt: skip
        kernels.keys_back_kernel[(p.blocks_K, N, B * p.G)](
            *_strided(q), *_strided(k), *_strided(v), *_strided(d_out), *_strided(dq),
            *_strided(dk), gates.row, gates.column, gates.enter, gates.leave_whole, factor,
            inverse, d_den, document, kept.states, kept.n, d_states, dn, *p.heads,
            **p.sizes, **p.dots, **flags, **optional, **p.launch,
        )  # fmt: skip
    return Slopes(dq, dk, dv, write.sum(0), leaving.sum(-1), dC0, dn0)


def since(x_BHM: Tensor, ends_BHN: Tensor, chunk: int) -> Tensor:
    """Sums from each position to the end of its chunk, with what counts at the end itself."""
    x_BHNT = x_BHM.unflatten(-1, (-1, chunk))
    sums = x_BHNT.flip(-1).cumsum(-1).flip(-1) + ends_BHN[..., None]
    return sums.flatten(-2)
