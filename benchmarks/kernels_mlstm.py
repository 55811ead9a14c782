"""mLSTM and sLSTM on the CPU beside the torch code that transformers has for them.

    OMP_NUM_THREADS=1 python benchmarks/kernels_mlstm.py --threads 1
    python benchmarks/kernels_mlstm.py --quick

Forward and backward pass together. Programs take turns within a round, so that what else the
machine does falls on all of them; the numbers are medians over rounds, of ratios within a round.
With one thread the time is that of the processor for this process, which other programs do not add
to; with more it is that of the clock. Outputs and gradients are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch
from measured import conditions
from transformers.models.xlstm import modeling_xlstm

from biosequence.kernels import mlstm, mlstm_bidirectional, slstm

Tensors = list[torch.Tensor]
# (B, H, L, K, V), the shapes of the earlier measurements and a shorter one.
SHAPES = [
    (1, 4, 1024, 64, 64),
    (1, 4, 2048, 64, 64),
    (4, 8, 1024, 32, 64),
    (1, 8, 4096, 128, 256),
    (1, 4, 16384, 64, 64),
]
QUICK = SHAPES[:3]
CHUNKS = (64, 128)
# The step-by-step path is a hundred times slower: shorter sequences than this.
LONGEST_RECURRENT = 2048
LENGTHS = [1024 << power for power in range(7)]
# (B, L, H, D)
CELLS = [(8, 256, 4, 32), (8, 256, 4, 64), (1, 1024, 4, 64)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small shapes, few rounds: a minute")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rounds = given.rounds or (3 if given.quick else 7)
    clock = time.process_time if given.threads == 1 else time.perf_counter
    before = conditions("torch", "transformers", "numba")
    print(json.dumps({"threads": given.threads, "rounds": rounds} | before, indent=1))
    beside_transformers(QUICK if given.quick else SHAPES, rounds, clock)
    far_gates(rounds, clock)
    against_length(LENGTHS[:4] if given.quick else LENGTHS, rounds, clock)
    both_directions(rounds, clock)
    cells(CELLS[:1] if given.quick else CELLS, rounds, clock)


def sample(B: int, H: int, L: int, K: int, V: int, forget: float = 3.0) -> Tensors:
    torch.manual_seed(0)
    inputs = [torch.randn(B, H, L, width) for width in (K, K, V)]
    gates = [torch.randn(B, H, L), torch.randn(B, H, L) + forget]
    return [tensor.requires_grad_() for tensor in (*inputs, *gates)]


def chunkwise(chunk: int) -> Callable[..., torch.Tensor]:
    theirs = modeling_xlstm.mlstm_chunkwise_native_autograd
    return lambda *inputs: theirs(*inputs, chunk_size=chunk)


def recurrent(*inputs: torch.Tensor) -> torch.Tensor:
    return modeling_xlstm.mlstm_recurrent_sequence_native(*inputs)


def ours(chunk: int | None = None) -> Callable[..., torch.Tensor]:
    return lambda *inputs: mlstm(*inputs, chunk_size=chunk, backend="cpu")


def take_turns(
    programs: dict[str, Callable[..., torch.Tensor]],
    inputs: Tensors,
    rounds: int,
    clock: Callable[[], float],
) -> dict[str, list[float]]:
    """Seconds of each program's forward and backward pass in each round, after one not counted."""
    took: dict[str, list[float]] = {name: [] for name in programs}
    slope = None
    for round_ in range(rounds + 1):
        for name, program in programs.items():
            started = clock()
            out = program(*inputs)
            slope = torch.randn_like(out) if slope is None else slope
            torch.autograd.grad(out, inputs, slope)
            if round_:
                took[name].append(clock() - started)
    return took


def ratio(took: dict[str, list[float]], slow: str, fast: str) -> float:
    return median(a / b for a, b in zip(took[slow], took[fast], strict=True))


def gate(programs: dict[str, Callable[..., torch.Tensor]], inputs: Tensors) -> None:
    """Stop if two programs differ by more than their rounding."""
    found = []
    for program in programs.values():
        out = program(*inputs)
        torch.manual_seed(1)
        found.append([out, *torch.autograd.grad(out, inputs, torch.randn_like(out))])
    for other in found[1:]:
        for one, another in zip(found[0], other, strict=True):
            size = one.detach().abs().max().item()
            torch.testing.assert_close(another, one, rtol=0, atol=2e-3 * size)


def beside_transformers(shapes: list, rounds: int, clock: Callable[[], float]) -> None:
    print("\nTimes that transformers takes, as multiples of ours at the same chunk:\n")
    print("| (B, H, L, K, V) | ours ms | chunk 64 | chunk 128 | best of each | recurrent |")
    print("|---|---|---|---|---|---|")
    for shape in shapes:
        inputs = sample(*shape)
        programs = {f"theirs {chunk}": chunkwise(chunk) for chunk in CHUNKS}
        programs |= {f"ours {chunk}": ours(chunk) for chunk in CHUNKS} | {"ours": ours()}
        gate(programs, inputs)
        took = take_turns(programs, inputs, rounds if shape[2] < 4096 else 2, clock)
        equal = [f"{ratio(took, f'theirs {c}', f'ours {c}'):.2f}" for c in CHUNKS]
        best = min((f"theirs {c}" for c in CHUNKS), key=lambda name: median(took[name]))
        slowest = "-"
        if shape[2] <= LONGEST_RECURRENT:
            turns = take_turns({"theirs": recurrent, "ours": ours()}, inputs, 1, clock)
            slowest = f"{ratio(turns, 'theirs', 'ours'):.0f}"
        row = [*equal, f"{ratio(took, best, 'ours'):.2f}", slowest]
        print(f"| {shape} | {median(took['ours']) * 1e3:.1f} | {' | '.join(row)} |", flush=True)


def far_gates(rounds: int, clock: Callable[[], float]) -> None:
    """Gates so far apart that each pair of positions needs a weight of its own."""
    shape = (1, 4, 2048, 64, 64)
    inputs = sample(*shape, forget=-4.0)
    programs = {"theirs": chunkwise(64), "ours": ours(64)}
    gate(programs, inputs)
    took = take_turns(programs, inputs, rounds, clock)
    print(f"\nForget gates near exp(-4), {shape}, chunk 64: {ratio(took, 'theirs', 'ours'):.2f}")


def against_length(lengths: list[int], rounds: int, clock: Callable[[], float]) -> None:
    print("\nCost against length, (1, 4, L, 64, 64):\n")
    print("| L | ms | microseconds a position | of the length before |")
    print("|---|---|---|---|")
    last = None
    for length in lengths:
        few = max(2, rounds // 2)
        took = take_turns({"ours": ours()}, sample(1, 4, length, 64, 64), few, clock)
        seconds = min(took["ours"])
        grown = "-" if last is None else f"{seconds / last:.2f}"
        row = f"{length} | {seconds * 1e3:.1f} | {seconds / length * 1e6:.1f} | {grown}"
        print(f"| {row} |", flush=True)
        last = seconds


def both_directions(rounds: int, clock: Callable[[], float]) -> None:
    inputs = sample(1, 4, 2048, 64, 64)
    programs = {
        name: lambda *x, name=name: mlstm_bidirectional(*x, backend=name)
        for name in ("parallel", "cpu")
    }
    gate(programs, inputs)
    took = take_turns(programs | {"one": ours()}, inputs, rounds, clock)
    print(
        f"\nBoth directions, (1, 4, 2048, 64, 64): the full matrix takes "
        f"{ratio(took, 'parallel', 'cpu'):.2f} times as long as two passes, "
        f"which take {ratio(took, 'cpu', 'one'):.2f} times as long as one direction"
    )


def cells(shapes: list, rounds: int, clock: Callable[[], float]) -> None:
    print("\nsLSTM, the torch loop as a multiple of the compiled one:\n")
    print("| (B, L, H, D) | compiled ms | torch loop |")
    print("|---|---|---|")
    for B, L, H, D in shapes:
        torch.manual_seed(0)
        shapes_of_inputs = ((B, L, 4, H, D), (4, H, D, D), (4, H, D))
        inputs = [torch.randn(shape) / D**0.5 for shape in shapes_of_inputs]
        inputs = [tensor.requires_grad_() for tensor in inputs]
        programs = {
            name: lambda *x, name=name: slstm(*x, backend=name) for name in ("naive", "cpu")
        }
        gate(programs, inputs)
        took = take_turns(programs, inputs, rounds, clock)
        row = f"{median(took['cpu']) * 1e3:.1f} | {ratio(took, 'naive', 'cpu'):.1f}"
        print(f"| {(B, L, H, D)} | {row} |", flush=True)


if __name__ == "__main__":
    main()
