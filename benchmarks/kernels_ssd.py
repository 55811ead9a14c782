"""State space duality on the CPU beside transformers' torch code for it.

    OMP_NUM_THREADS=1 python benchmarks/kernels_ssd.py --threads 1
    python benchmarks/kernels_ssd.py --quick

Forward and backward pass together; programs take turns within a round, ratios are of one round.
Outputs and gradients are compared before anything is timed.
"""

from __future__ import annotations

import logging
from functools import cache

import torch
from transformers.models.mamba2 import modeling_mamba2
from turns import Settings, milliseconds, ratios, settings, take_turns

from biosequence.kernels import ssd

# (B, L, H, P, N)
SHAPES = [(1, 2048, 24, 64, 128), (2, 2048, 8, 64, 64), (1, 8192, 8, 64, 64)]
QUICK = [(1, 1024, 8, 64, 64)]
DEFAULT = 256
LENGTHS = [1024 << power for power in range(7)]


def main() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    given = settings(__doc__.splitlines()[0])
    beside_transformers(QUICK if given.quick else SHAPES, given)
    against_length(LENGTHS[:4] if given.quick else LENGTHS, given)


def sample(B: int, L: int, H: int, P: int, N: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    drawn = {
        "x": torch.randn(B, L, H, P),
        "dt": torch.randn(B, L, H) - 3,
        "A": -torch.rand(H) * 8,
        "B": torch.randn(B, L, 1, N),
        "C": torch.randn(B, L, 1, N),
        "D": torch.randn(H),
        "dt_bias": torch.zeros(H),
    }
    return {name: tensor.requires_grad_() for name, tensor in drawn.items()}


def ours(tensors: dict[str, torch.Tensor], chunk: int | None) -> list[torch.Tensor]:
    return gradients(ssd(**tensors, chunk_size=chunk, dt_softplus=True), tensors)


def theirs(tensors: dict[str, torch.Tensor], chunk: int) -> list[torch.Tensor]:
    x, *others = tensors.values()
    named = dict(zip(list(tensors)[1:], others, strict=True))
    y = modeling_mamba2.mamba2_chunk_scan(x, **named, chunk_size=chunk, dt_softplus=True)
    return gradients(y, tensors)


def gradients(y: torch.Tensor, tensors: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    return [y.detach(), *torch.autograd.grad(y, list(tensors.values()), slope(y.shape))]


@cache
def slope(shape: torch.Size) -> torch.Tensor:
    """Gradient of the output; drawn once, as that takes a while."""
    return torch.randn(shape)


def beside_transformers(shapes: list[tuple[int, ...]], given: Settings) -> None:
    print("\nTimes of transformers' torch path as multiples of ours (least | median):\n")
    chunks = "chunk 64 by 64 | | 128 by 128 | | its 256 by our default |"
    print(f"| (B, L, H, P, N) | {chunks} | ours ms |")
    print("|---|---|---|---|---|---|---|---|")
    for shape in shapes:
        tensors = sample(*shape)
        for one, other in zip(ours(tensors, None), theirs(tensors, DEFAULT), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-3 * other.abs().max().item())
        programs = {
            f"{program.__name__} {chunk}": lambda p=program, c=chunk, t=tensors: p(t, c)
            for program, chunk in (
                (ours, None),
                (ours, 64),
                (ours, 128),
                (theirs, 64),
                (theirs, 128),
                (theirs, DEFAULT),
            )
        }
        took = take_turns(programs, given.rounds, given.clock)
        pairs = (("theirs 64", "ours 64"), ("theirs 128", "ours 128"), ("theirs 256", "ours None"))
        cells = " | ".join(ratios(took, *pair) for pair in pairs)
        print(f"| {shape} | {cells} | {milliseconds(took, 'ours None')} |", flush=True)


def against_length(lengths: list[int], given: Settings) -> None:
    print("\nCost of a position (8 heads of 64, state 64; a straight line is a constant):\n")
    print("| length | ns a position, least | by the first |\n|---|---|---|")
    first = None
    for length in lengths:
        tensors = sample(1, length, 8, 64, 64)
        program = {"ours": lambda t=tensors: ours(t, None)}
        took = take_turns(program, min(given.rounds, 4), given.clock)
        each = min(took["ours"]) / length * 1e9
        first = first or each
        print(f"| {length} | {each:.0f} | {each / first:.2f} |", flush=True)


if __name__ == "__main__":
    main()
