"""Mamba's mixer: a gated selective state space (Gu and Dao, arXiv:2312.00752)."""

# Shapes: B batch, T time, D width, I inner width, N states, R rank of the step size, W kernel.

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...kernels import mamba_inner, selective_scan, selective_scan_step
from ...kernels.onednn import linear
from ...kernels.plain import is_plain
from ..convolution import CausalConv
from ..place import SHUT


class MambaMixerState(NamedTuple):
    """What the layer keeps between calls."""

    conv: Tensor
    """(B, I, W-1), the convolution's window."""
    ssm: Tensor
    """(B, I, N), the state of every channel."""


class MambaMixer(nn.Module):
    """Widen, convolve, scan with input-dependent step and matrices, gate, narrow.

    Parameters
    ----------
    width
        Width D of the model.
    state_size
        States N per channel.
    expand
        Inner width over width.
    conv_kernel
        Width of the causal convolution.
    dt_rank
        Rank R of the step size's projection; None is ``ceil(width / 16)``.
    bias
        Biases of the input and output projection.
    conv_bias
        Bias of the convolution.
    dt_limits
        Range that the initial step sizes are drawn from, on a logarithmic scale.
    rms_eps
        Normalise the step size's input, B and C by their root mean square (FalconMamba); None: no.
    backend
        Name of the kernel; None picks.

    Examples
    --------
    >>> import torch
    >>> mixer = MambaMixer(8, state_size=4)
    >>> y, state = mixer(torch.randn(2, 5, 8))
    >>> tuple(y.shape), tuple(state.ssm.shape)
    ((2, 5, 8), (2, 16, 4))
    """

    no_decay: ClassVar[tuple[str, ...]] = ("A_log", "D")

    def __init__(
        self,
        width: int,
        *,
        state_size: int = 16,
        expand: float = 2,
        conv_kernel: int = 4,
        dt_rank: int | None = None,
        bias: bool = False,
        conv_bias: bool = True,
        dt_limits: tuple[float, float] = (1e-3, 1e-1),
        rms_eps: float | None = None,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        inner = round(expand * width)
        self.width, self.inner, self.state_size = width, inner, state_size
        self.dt_rank = math.ceil(width / 16) if dt_rank is None else dt_rank
        self.dt_limits, self.rms_eps, self.backend = dt_limits, rms_eps, backend
        self.in_proj = nn.Linear(width, 2 * inner, bias=bias)
        self.conv = CausalConv(inner, conv_kernel, bias=conv_bias, activation="silu")
        self.x_proj = nn.Linear(inner, self.dt_rank + 2 * state_size, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, inner)
        self.A_log = nn.Parameter(torch.empty(inner, state_size))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=bias)
        self.reset_scan()

    @torch.no_grad()
    def reset_scan(self) -> None:
        """The S4D-real start: A = -(1..N) in every channel, D = 1, step sizes within the limits."""
        rates = torch.arange(1, self.state_size + 1, dtype=torch.float32, device=self.A_log.device)
        self.A_log.copy_(rates.log().expand(self.inner, -1))
        nn.init.ones_(self.D)
        nn.init.uniform_(self.dt_proj.weight, -(self.dt_rank**-0.5), self.dt_rank**-0.5)
        self.dt_proj.bias.copy_(initial_dt_bias(self.inner, self.dt_limits, self.A_log.device))

    def forward(
        self,
        x_BTD: Tensor,
        state: MambaMixerState | None = None,
        *,
        mask: Tensor | None = None,
        seq_idx: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, MambaMixerState | None]:
        """Mix over time.

        Parameters
        ----------
        x_BTD
            Input, (B, T, D).
        state
            State after the positions before; None at the start.
        mask, seq_idx, position_ids, seq_position_ids
            See :class:`biosequence.layers.Place`; positions are not used.
        need_state
            Compute the state after the last position.

        Returns
        -------
        Output (B, T, D) and the state, None unless asked for.
        """
        if state is None and mask is None and not need_state and self._is_plain():
            return self._whole(x_BTD, seq_idx), None
        u_BTI, z_BTI = self.in_proj(x_BTD).chunk(2, dim=-1)
        u_BTI, window = self.conv(
            u_BTI,
            None if state is None else state.conv,
            mask=mask,
            seq_idx=seq_idx,
            need_state=need_state,
        )
        delta_BTI, B_BTN, C_BTN = self._selected(u_BTI)
        if mask is not None:
            # A step of zero keeps the state; softplus(-SHUT) is zero.
            delta_BTI = delta_BTI.masked_fill(~mask.bool()[..., None], -SHUT)
        done = selective_scan(
            u_BTI.transpose(1, 2),
            delta_BTI.transpose(1, 2),
            self._rates(),
            B_BTN.transpose(1, 2),
            C_BTN.transpose(1, 2),
            D=self.D,
            z=z_BTI.transpose(1, 2),
            delta_bias=self.dt_proj.bias,
            delta_softplus=True,
            initial_state=None if state is None else state.ssm,
            return_last_state=need_state,
            seq_idx=seq_idx,
            backend=self.backend,
        )
        y_BIT, ssm = done if need_state else (done, None)
        y_BTD = self.out_proj(y_BIT.transpose(1, 2).to(x_BTD.dtype))
        return y_BTD, MambaMixerState(window, ssm) if need_state else None

    def step(
        self,
        x_BD: Tensor,
        state: MambaMixerState,
        *,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
    ) -> tuple[Tensor, MambaMixerState]:
        """One position, (B, D); equal to `forward` at T = 1."""
        u_BI, z_BI = self.in_proj(x_BD).chunk(2, dim=-1)
        u_BI, window = self.conv.step(u_BI, state.conv)
        delta_BI, B_BN, C_BN = self._selected(u_BI)
        y_BI, ssm = selective_scan_step(
            u_BI,
            delta_BI,
            self._rates(),
            B_BN,
            C_BN,
            D=self.D,
            z=z_BI,
            delta_bias=self.dt_proj.bias,
            delta_softplus=True,
            state=state.ssm,
        )
        return self.out_proj(y_BI.to(x_BD.dtype)), MambaMixerState(window, ssm)

    def zero_state(self, batch: int, *, like: Tensor) -> MambaMixerState:
        """The state before the first position."""
        shape = (batch, self.inner, self.state_size)
        ssm = torch.zeros(shape, dtype=_wide(like), device=like.device)
        return MambaMixerState(self.conv.zero_state(batch, like=like), ssm)

    def _is_plain(self) -> bool:
        """Whether the fused op does all that this layer does: it passes by adapters and hooks."""
        parts = (self.in_proj, self.x_proj, self.dt_proj, self.out_proj)
        return self.rms_eps is None and self.backend is None and all(map(is_plain, parts))

    def _whole(self, x_BTD: Tensor, seq_idx: Tensor | None) -> Tensor:
        return mamba_inner(
            linear(x_BTD, self.in_proj.weight, self.in_proj.bias),
            self.conv.weight.squeeze(1),
            self.conv.bias,
            self.x_proj.weight,
            self.dt_proj.weight,
            self.dt_proj.bias,
            self._rates(),
            self.D,
            self.out_proj.weight,
            self.out_proj.bias,
            seq_idx=seq_idx,
        )

    def _rates(self) -> Tensor:
        return -self.A_log.to(_wide(self.A_log)).exp()

    def _selected(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sizes = (self.dt_rank, self.state_size, self.state_size)
        dt, B, C = self.x_proj(u).split(sizes, dim=-1)
        if self.rms_eps is not None:
            dt, B, C = (_rms(x, self.rms_eps) for x in (dt, B, C))
        # The bias is added inside the scan, before the softplus.
        return nn.functional.linear(dt, self.dt_proj.weight), B, C


def initial_dt_bias(
    count: int, limits: tuple[float, float], device: torch.device | str = "cpu"
) -> Tensor:
    """Biases whose softplus is log-uniform within the limits, (count,).

    Examples
    --------
    >>> import torch
    >>> step = torch.nn.functional.softplus(initial_dt_bias(100, (1e-3, 1e-1)))
    >>> bool(step.min() > 9e-4 and step.max() < 1.1e-1)
    True
    """
    low, high = (math.log(limit) for limit in limits)
    step = torch.exp(torch.rand(count, device=device) * (high - low) + low).clamp(min=1e-4)
    return step + torch.log(-torch.expm1(-step))


def _rms(x: Tensor, eps: float) -> Tensor:
    wide = x.to(_wide(x))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
