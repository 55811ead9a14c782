"""Reading in both directions: around a block (DNA-xLSTM) or around a mixer (BiMamba)."""

# Shapes: B batch, T time, D width.

from __future__ import annotations

from typing import Unpack

from torch import Tensor, nn

from .place import Place, reversed_place


def run_reversed(block: nn.Module, x_BTD: Tensor, **place: Unpack[Place]) -> Tensor:
    """A block's output when it reads from the last position to the first, in the order of `x`.

    Examples
    --------
    >>> import torch
    >>> from biosequence.layers import MambaMixer, RMSNorm, ResidualBlock
    >>> block = ResidualBlock(RMSNorm(8), MambaMixer(8, state_size=4))
    >>> x = torch.randn(1, 5, 8)
    >>> y = run_reversed(block, x)
    >>> torch.equal(y, block(x.flip(1), need_state=False)[0].flip(1))
    True
    """
    return block(x_BTD.flip(1), need_state=False, **reversed_place(place))[0].flip(1)


def run_both_ways(
    block: nn.Module, x_BTD: Tensor, *, legacy: bool = False, **place: Unpack[Place]
) -> Tensor:
    """The sum of a block's two directions with one set of weights.

    Parameters
    ----------
    block
        A residual block.
    x_BTD
        Input, (B, T, D).
    legacy
        Keep both residuals, as published: the residual stream then doubles in every block.
        Otherwise the residual counts once.
    place
        Padding, documents, positions.

    Examples
    --------
    >>> import torch
    >>> from biosequence.layers import MambaMixer, RMSNorm, ResidualBlock
    >>> block = ResidualBlock(RMSNorm(8), MambaMixer(8, state_size=4))
    >>> x = torch.randn(1, 5, 8)
    >>> doubled = run_both_ways(block, x, legacy=True)
    >>> bool(torch.allclose(doubled - x, run_both_ways(block, x), atol=1e-6))
    True
    """
    both = block(x_BTD, need_state=False, **place)[0] + run_reversed(block, x_BTD, **place)
    return both if legacy else both - x_BTD


class BidirectionalMixer(nn.Module):
    """Two mixers, one for each direction, whose outputs are added or multiplied (BiMamba).

    Parameters
    ----------
    fwd, rev
        The mixers; they must not share parameters yet.
    tie_projections
        The reverse mixer uses the forward one's ``in_proj`` and ``out_proj``.
    strategy
        ``"add"`` or ``"ew_multiply"``.

    Notes
    -----
    The wrapper is around the mixer only, so the residual is not doubled. It keeps no state: a
    two-way layer cannot be continued.

    Examples
    --------
    >>> import torch
    >>> from biosequence.layers import MambaMixer
    >>> both = BidirectionalMixer(MambaMixer(8), MambaMixer(8), tie_projections=True)
    >>> sorted({name.split(".")[1] for name, _ in both.named_parameters() if "rev" in name})
    ['A_log', 'D', 'conv', 'dt_proj', 'x_proj']
    """

    def __init__(
        self,
        fwd: nn.Module,
        rev: nn.Module,
        *,
        tie_projections: bool = True,
        strategy: str = "add",
    ) -> None:
        super().__init__()
        self.fwd, self.rev, self.strategy = fwd, rev, strategy
        self.tie_projections = tie_projections
        if tie_projections:
            for name in ("in_proj", "out_proj"):
                delattr(rev, name)
                # A plain attribute: the tied layer is listed and saved once, under `fwd`.
                object.__setattr__(rev, name, getattr(fwd, name))

    def forward(
        self,
        x_BTD: Tensor,
        state: None = None,
        *,
        need_state: bool = False,
        **place: Unpack[Place],
    ) -> tuple[Tensor, None]:
        """Mix over time in both directions; no state is returned."""
        ahead = self.fwd(x_BTD, need_state=False, **place)[0]
        back = run_reversed(self.rev, x_BTD, **place)
        return (ahead + back if self.strategy == "add" else ahead * back), None
