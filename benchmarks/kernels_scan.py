"""The selective scan on the CPU beside transformers' torch code and beside native code.

    OMP_NUM_THREADS=1 python benchmarks/kernels_scan.py --threads 1
    python benchmarks/kernels_scan.py --quick

Forward and backward pass together; programs take turns within a round, ratios are of one round.
Outputs and gradients are compared before anything is timed. The native code
(`selective_scan_native.cpp`) is compiled here for this machine, and needs g++; it is timed
against the same loops of ours: bias, softplus and gate are in neither.
"""

from __future__ import annotations

import copy
import ctypes
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from transformers import MambaConfig, MambaForCausalLM
from transformers.models.mamba import modeling_mamba
from turns import Settings, milliseconds, ratios, settings, take_turns

from biosequence.kernels import accelerate, selective_scan

Tensors = dict[str, torch.Tensor]
CHANNELS, STATE = 512, 16
BLOCK = 64
LENGTHS = [1024 << power for power in range(7)]


def main() -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    given = settings(__doc__.splitlines()[0])
    beside_transformers([256] if given.quick else [256, 1024], given)
    beside_native([1024] if given.quick else [1024, 4096], given)
    whole_model([(4, 128)] if given.quick else [(1, 128), (4, 128), (8, 128), (1, 256)], given)
    against_length(LENGTHS[:4] if given.quick else LENGTHS, given)


def sample(length: int, whole: bool = True) -> Tensors:
    torch.manual_seed(0)
    drawn = {
        "u": torch.randn(1, length, CHANNELS).transpose(1, 2),
        "delta": (torch.randn(1, length, CHANNELS) - 2).transpose(1, 2),
        "A": -torch.rand(CHANNELS, STATE) * 8,
        "B": torch.randn(1, length, STATE).transpose(1, 2),
        "C": torch.randn(1, length, STATE).transpose(1, 2),
        "D": torch.randn(CHANNELS),
    }
    if whole:
        drawn["z"] = torch.randn(1, length, CHANNELS).transpose(1, 2)
        drawn["delta_bias"] = torch.randn(CHANNELS)
    else:
        drawn["delta"] = torch.rand(1, length, CHANNELS).transpose(1, 2) * 0.1
    return {name: tensor.requires_grad_() for name, tensor in drawn.items()}


def ours(tensors: Tensors, backend: str, softplus: bool = True) -> torch.Tensor:
    return selective_scan(**tensors, delta_softplus=softplus, backend=backend)


def theirs(tensors: Tensors) -> torch.Tensor:
    u, delta, *rest = tensors.values()
    return modeling_mamba.mamba_selective_scan(u, delta, *rest, delta_softplus=True)


def gradients(out: torch.Tensor, tensors: Tensors) -> list[torch.Tensor]:
    return [out.detach(), *torch.autograd.grad(out, list(tensors.values()), slope(out.shape))]


@cache
def slope(shape: torch.Size) -> torch.Tensor:
    """Gradient of the output; drawn once, as that takes as long as the scan."""
    return torch.randn(shape[0], shape[2], shape[1]).transpose(1, 2)


def gate(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> None:
    """Stop if two programs differ by more than their rounding."""
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-4 * other.abs().max().item())


def beside_transformers(lengths: list[int], given: Settings) -> None:
    print("\nTimes of transformers' torch path as multiples of ours (least | median):\n")
    print("| length | cpu | | recompute | | cpu ms |\n|---|---|---|---|---|---|")
    for length in lengths:
        tensors = sample(length)
        programs: dict[str, Callable[[], list[torch.Tensor]]] = {
            "theirs": lambda t=tensors: gradients(theirs(t), t),
            "cpu": lambda t=tensors: gradients(ours(t, "cpu"), t),
            "recompute": lambda t=tensors: gradients(ours(t, "recompute"), t),
        }
        results = {name: program() for name, program in programs.items()}
        gate(results["cpu"], results["theirs"])
        gate(results["recompute"], results["theirs"])
        took = take_turns(programs, min(given.rounds, 3), given.clock)
        cells = " | ".join(ratios(took, "theirs", name) for name in ("cpu", "recompute"))
        print(f"| {length} | {cells} | {milliseconds(took, 'cpu')} |", flush=True)


def beside_native(lengths: list[int], given: Settings) -> None:
    if shutil.which("g++") is None:
        print("\nNo g++ here: no native code to compare with.")
        return
    print("\nOur time as a multiple of native code's (least | median), forward and backward:\n")
    print("| length | ratio | | ours ms | native ms |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        for length in lengths:
            tensors = sample(length, whole=False)
            programs = {
                "ours": lambda t=tensors: gradients(ours(t, "cpu", False), t),
                "native": lambda t=tensors: gradients(Native.apply(library, *t.values()), t),
            }
            results = {name: program() for name, program in programs.items()}
            gate(results["ours"], results["native"])
            took = take_turns(programs, given.rounds * 3, given.clock)
            times = " | ".join(milliseconds(took, name) for name in programs)
            print(f"| {length} | {ratios(took, 'ours', 'native')} | {times} |", flush=True)


def compiled(folder: Path) -> ctypes.CDLL:
    source, target = Path(__file__).with_name("selective_scan_native.cpp"), folder / "native.so"
    flags = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, str(source), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


class Native(torch.autograd.Function):
    """The native loops, with what any op around them would do."""

    @staticmethod
    def forward(ctx, library, u, delta, A, B, C, D):
        u, delta, B, C = (x.transpose(1, 2).contiguous() for x in (u, delta, B, C))
        batch, length, channels = u.shape
        blocks, chunks = channels // BLOCK, -(-length // BLOCK)
        A = (A * 1.4426950408889634).view(blocks, BLOCK, STATE).transpose(1, 2).contiguous()
        y, kept = torch.empty_like(u), u.new_empty(batch, blocks, chunks, STATE, BLOCK)
        call(library.forward, (u, delta, A, B, C, D, y, kept), u.shape)
        ctx.save_for_backward(u, delta, A, B, C, D, kept)
        ctx.native = library
        return y.transpose(1, 2)

    @staticmethod
    def backward(ctx, dy):
        u, delta, A, B, C, D, kept = ctx.saved_tensors
        batch, length, channels = u.shape
        dy = dy.transpose(1, 2).contiguous()
        du, ddelta = torch.empty_like(u), torch.empty_like(u)
        dA, dD = u.new_zeros(batch, *A.shape), u.new_zeros(batch, channels)
        dB, dC = (u.new_empty(batch, len(A), length, STATE) for _ in range(2))
        tensors = (u, delta, A, B, C, D, dy, kept, du, ddelta, dA, dB, dC, dD)
        call(ctx.native.backward, tensors, u.shape)
        dA = dA.sum(0).transpose(1, 2).reshape(channels, STATE)
        dB, dC = (maps.sum(1).transpose(1, 2) for maps in (dB, dC))
        return None, du.transpose(1, 2), ddelta.transpose(1, 2), dA, dB, dC, dD.sum(0)


def call(function, tensors, shape) -> None:
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]
    function(*pointers, *(ctypes.c_int(size) for size in (*shape, STATE)))


def whole_model(shapes: list[tuple[int, int]], given: Settings) -> None:
    print("\nOne training step of MambaForCausalLM (4 layers, hidden 256), stock by accelerated:\n")
    print("| (batch, length) | ratio | | accelerated ms |\n|---|---|---|---|")
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=64, hidden_size=256, num_hidden_layers=4, state_size=STATE)
    stock = MambaForCausalLM(config).train()
    fast = accelerate(copy.deepcopy(stock))
    for shape in shapes:
        ids = torch.randint(64, shape)

        def step(model: MambaForCausalLM, ids: torch.Tensor = ids) -> list[torch.Tensor]:
            model.zero_grad()
            out = model(ids, labels=ids, use_cache=False)
            out.loss.backward()
            return [out.logits.detach(), *(weight.grad for weight in model.parameters())]

        gate(step(fast), step(stock))
        programs = {"stock": lambda: step(stock), "fast": lambda: step(fast)}
        took = take_turns(programs, min(given.rounds, 3), given.clock)
        print(
            f"| {shape} | {ratios(took, 'stock', 'fast')} | {milliseconds(took, 'fast')} |",
            flush=True,
        )


def against_length(lengths: list[int], given: Settings) -> None:
    print("\nCost of a position, forward and backward (a straight line is a constant):\n")
    print("| length | ns a position, least | by the first |\n|---|---|---|")
    first = None
    for length in lengths:
        tensors = sample(length)
        program = {"ours": lambda t=tensors: gradients(ours(t, "cpu"), t)}
        took = take_turns(program, min(given.rounds, 4), given.clock)
        each = min(took["ours"]) / length * 1e9
        first = first or each
        print(f"| {length} | {each:.0f} | {each / first:.2f} |", flush=True)


if __name__ == "__main__":
    main()
