"""Mamba-2's mixer: state-space duality with scalar decay per head (arXiv:2405.21060)."""

# Shapes: B batch, T time, D width, I inner width, H heads, P width of a head, G groups, N states.

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...kernels import ssd, ssd_step
from ..convolution import CausalConv
from ..norms import GatedRMSNorm
from .mamba import initial_dt_bias


class Mamba2MixerState(NamedTuple):
    """What the layer keeps between calls."""

    conv: Tensor
    """(B, I + 2 G N, W-1), the convolution's window."""
    ssm: Tensor
    """(B, H, P, N), the state of every head."""


class Mamba2Mixer(nn.Module):
    """One projection to gate, x, B, C and step; convolve; state-space dual; gated norm; narrow.

    Parameters
    ----------
    width
        Width D of the model.
    state_size
        States N.
    expand
        Inner width over width.
    head_width
        Width P of a head.
    num_groups
        Groups G of heads that share B and C.
    conv_kernel
        Width of the causal convolution.
    chunk_size
        Chunk of the kernel; None picks.
    dt_limit
        Range that step sizes are clamped to.
    dt_limits
        Range that the initial step sizes are drawn from.
    bias, conv_bias
        Biases of the projections, of the convolution.
    norm_eps
        Added to the mean square in the gated norm.
    norm_groups
        Groups of the gated norm; None is `num_groups`.
    backend
        Name of the kernel; None picks.

    Examples
    --------
    >>> import torch
    >>> mixer = Mamba2Mixer(8, state_size=4, head_width=8)
    >>> y, state = mixer(torch.randn(2, 5, 8))
    >>> tuple(y.shape), tuple(state.ssm.shape)
    ((2, 5, 8), (2, 2, 8, 4))
    """

    no_decay: ClassVar[tuple[str, ...]] = ("A_log", "D", "dt_bias")

    def __init__(
        self,
        width: int,
        *,
        state_size: int = 128,
        expand: float = 2,
        head_width: int = 64,
        num_groups: int = 1,
        conv_kernel: int = 4,
        chunk_size: int | None = None,
        dt_limit: tuple[float, float] = (0.0, math.inf),
        dt_limits: tuple[float, float] = (1e-3, 1e-1),
        bias: bool = False,
        conv_bias: bool = True,
        norm_eps: float = 1e-5,
        norm_groups: int | None = None,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        inner = round(expand * width)
        self.width, self.inner, self.state_size = width, inner, state_size
        self.head_width, self.num_heads, self.num_groups = (
            head_width,
            inner // head_width,
            num_groups,
        )
        self.chunk_size, self.dt_limit, self.dt_limits = chunk_size, tuple(dt_limit), dt_limits
        self.backend = backend
        self.mixed = inner + 2 * num_groups * state_size
        self.in_proj = nn.Linear(width, inner + self.mixed + self.num_heads, bias=bias)
        self.conv = CausalConv(self.mixed, conv_kernel, bias=conv_bias, activation="silu")
        self.dt_bias = nn.Parameter(torch.empty(self.num_heads))
        self.A_log = nn.Parameter(torch.empty(self.num_heads))
        self.D = nn.Parameter(torch.ones(self.num_heads))
        self.norm = GatedRMSNorm(inner, num_groups=norm_groups or num_groups, eps=norm_eps)
        self.out_proj = nn.Linear(inner, width, bias=bias)
        self.reset_scan()

    @torch.no_grad()
    def reset_scan(self) -> None:
        """Decays A = -U(1, 16), D = 1, step sizes within the limits."""
        self.A_log.copy_(torch.empty_like(self.A_log).uniform_(1, 16).log())
        nn.init.ones_(self.D)
        self.dt_bias.copy_(initial_dt_bias(self.num_heads, self.dt_limits, self.dt_bias.device))

    def forward(
        self,
        x_BTD: Tensor,
        state: Mamba2MixerState | None = None,
        *,
        mask: Tensor | None = None,
        seq_idx: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, Mamba2MixerState | None]:
        """Mix over time; arguments and result as :meth:`MambaMixer.forward`."""
        z_BTI, mixed, dt_BTH = self.in_proj(x_BTD).split(
            (self.inner, self.mixed, self.num_heads), dim=-1
        )
        mixed, window = self.conv(
            mixed,
            None if state is None else state.conv,
            mask=mask,
            seq_idx=seq_idx,
            need_state=need_state,
        )
        step: dict[str, object] = {
            "dt_bias": self.dt_bias,
            "dt_softplus": True,
            "dt_limit": self.dt_limit,
        }
        if mask is not None:
            # A step of zero keeps the state, whatever the lower limit says.
            dt_BTH = F.softplus(dt_BTH + self.dt_bias).clamp(*self.dt_limit)
            dt_BTH, step = dt_BTH * mask[..., None].to(dt_BTH.dtype), {}
        x_BTHP, B_BTGN, C_BTGN = self._split(mixed)
        done = ssd(
            x_BTHP,
            dt_BTH,
            self._decay(),
            B_BTGN,
            C_BTGN,
            chunk_size=self.chunk_size,
            D=self.D,
            initial_states=None if state is None else state.ssm,
            seq_idx=seq_idx,
            return_final_states=need_state,
            backend=self.backend,
            **step,
        )
        y_BTHP, ssm = done if need_state else (done, None)
        y_BTD = self.out_proj(self.norm(y_BTHP.flatten(-2), z_BTI).to(x_BTD.dtype))
        return y_BTD, Mamba2MixerState(window, ssm) if need_state else None

    def step(
        self,
        x_BD: Tensor,
        state: Mamba2MixerState,
        *,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
    ) -> tuple[Tensor, Mamba2MixerState]:
        """One position, (B, D); equal to `forward` at T = 1."""
        z_BI, mixed, dt_BH = self.in_proj(x_BD).split(
            (self.inner, self.mixed, self.num_heads), dim=-1
        )
        mixed, window = self.conv.step(mixed, state.conv)
        x_BHP, B_BGN, C_BGN = self._split(mixed)
        y_BHP, ssm = ssd_step(
            x_BHP,
            dt_BH,
            self._decay(),
            B_BGN,
            C_BGN,
            D=self.D,
            dt_bias=self.dt_bias,
            dt_softplus=True,
            dt_limit=self.dt_limit,
            state=state.ssm,
        )
        y_BD = self.out_proj(self.norm(y_BHP.flatten(-2), z_BI).to(x_BD.dtype))
        return y_BD, Mamba2MixerState(window, ssm)

    def zero_state(self, batch: int, *, like: Tensor) -> Mamba2MixerState:
        """The state before the first position."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        shape = (batch, self.num_heads, self.head_width, self.state_size)
        ssm = torch.zeros(shape, dtype=dtype, device=like.device)
        return Mamba2MixerState(self.conv.zero_state(batch, like=like), ssm)

    def _decay(self) -> Tensor:
        return -self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32)).exp()

    def _split(self, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        group = self.num_groups * self.state_size
        x, B, C = mixed.split((self.inner, group, group), dim=-1)
        return (
            x.unflatten(-1, (self.num_heads, -1)),
            B.unflatten(-1, (self.num_groups, -1)),
            C.unflatten(-1, (self.num_groups, -1)),
        )
