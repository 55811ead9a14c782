"""Times of the Triton kernels on a GPU, beside what the card allows and beside peers.

The floor of a call is the longest of four times: bytes that have to move at the measured speed of a
copy, products at the measured speed of a matrix product, exponentials and other fp32 instructions
at the card's clock. Assumptions are those of the formulas below; no kernel is expected at 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpu_peers import PEERS

HALF = 2  # bytes of a bfloat16
STATE_CHUNK = 128  # positions between states that go through memory, in the floor
BACKWARD_BYTES, BACKWARD_FLOPS = 2.6, 3.5  # forward and backward over forward


@dataclass(frozen=True)
class Work:
    """What a call needs at least: bytes, floating-point operations of products, exp, others."""

    bytes: float
    flops: float = 0.0
    exps: float = 0.0
    instructions: float = 0.0


@dataclass(frozen=True)
class Case:
    """A call of an op at one size, in bfloat16."""

    op: str
    sizes: dict[str, int]
    work: Callable[..., tuple[Work, Work]]
    fallback: str
    note: str = ""
    # What torch alone takes at this size is not worth waiting for.
    skip_fallback: bool = False


@dataclass
class Card:
    """Speeds of the card."""

    name: str = "none"
    bandwidth: float = 1.0
    products: float = 1.0
    exps: float = 1.0
    instructions: float = 1.0
    about: dict[str, str] = field(default_factory=dict)

    def floor(self, work: Work) -> float:
        """Milliseconds."""
        return 1e3 * max(
            work.bytes / self.bandwidth,
            work.flops / self.products,
            work.exps / self.exps,
            work.instructions / self.instructions,
        )


def scan_work(B: int, L: int, D: int, N: int) -> tuple[Work, Work]:
    rows, elements = B * L * D, B * L * D * N
    forward = Work(4 * rows * HALF + 2 * B * L * N * HALF, 0, elements, 5.75 * elements)
    back = Work(8 * rows * HALF + 4 * B * L * N * HALF, 0, elements, 18 * elements)
    return forward, _sum(forward, back)


def mlstm_work(B: int, H: int, L: int, K: int, V: int) -> tuple[Work, Work]:
    rows = B * H * L
    moved = rows * (2 * K + 2 * V) * HALF + 8 * rows * K * V / STATE_CHUNK
    flops = rows * (STATE_CHUNK * (K + V) + 4 * K * V)
    return _both(moved, flops)


def ssd_work(B: int, L: int, H: int, P: int, G: int, N: int) -> tuple[Work, Work]:
    rows = B * L * H
    moved = 3 * rows * P * HALF + 2 * B * L * G * N * HALF + 8 * rows * P * N / STATE_CHUNK
    flops = rows * (STATE_CHUNK * P + 4 * N * P) + B * L * G * STATE_CHUNK * N
    return _both(moved, flops)


def slstm_work(B: int, L: int, H: int, D: int) -> tuple[Work, Work]:
    return _both(5 * B * L * H * D * HALF, 8 * B * L * H * D * D)


def convolution_work(B: int, L: int, D: int, W: int) -> tuple[Work, Work]:
    rows = B * L * D * HALF
    return Work(2 * rows), Work(6 * rows)


def _both(moved: float, flops: float) -> tuple[Work, Work]:
    return Work(moved, flops), Work(BACKWARD_BYTES * moved, BACKWARD_FLOPS * flops)


def _sum(a: Work, b: Work) -> Work:
    # Two passes: each has a floor of its own, and the sum of both is near enough one of the sums.
    return Work(
        a.bytes + b.bytes, a.flops + b.flops, a.exps + b.exps, a.instructions + b.instructions
    )


CASES = [
    Case("selective_scan", {"B": 8, "L": 8192, "D": 4096, "N": 16}, scan_work, "recompute",
         "published size", skip_fallback=True),
    Case("selective_scan", {"B": 32, "L": 2048, "D": 4096, "N": 16}, scan_work, "recompute",
         "published size", skip_fallback=True),
    Case("selective_scan", {"B": 16, "L": 1024, "D": 512, "N": 16}, scan_work, "recompute",
         "biology size"),
    Case("selective_scan", {"B": 1, "L": 32768, "D": 512, "N": 16}, scan_work, "recompute",
         "one long sequence", skip_fallback=True),
    Case("mlstm", {"B": 8, "H": 16, "L": 8192, "K": 128, "V": 256}, mlstm_work, "cpu",
         "published size", skip_fallback=True),
    Case("mlstm", {"B": 16, "H": 4, "L": 1024, "K": 64, "V": 64}, mlstm_work, "cpu",
         "biology size"),
    Case("ssd", {"B": 8, "L": 8192, "H": 64, "P": 64, "G": 1, "N": 64}, ssd_work, "cpu",
         "published size", skip_fallback=True),
    Case("ssd", {"B": 16, "L": 1024, "H": 16, "P": 64, "G": 1, "N": 128}, ssd_work, "cpu",
         "biology size"),
    Case("slstm", {"B": 16, "L": 1024, "H": 4, "D": 64}, slstm_work, "naive", "biology size"),
    Case("slstm", {"B": 16, "L": 1024, "H": 4, "D": 128}, slstm_work, "naive", "biology size",
         skip_fallback=True),
    Case("causal_conv1d", {"B": 8, "L": 8192, "D": 4096, "W": 4}, convolution_work, "naive",
         "published size"),
]  # fmt: skip


def inputs(op: str, s: dict[str, int], device: str) -> dict[str, Any]:
    """Arguments of a call; those of positions are bfloat16, parameters float32."""
    import torch

    def draw(*shape: int, half: bool = True) -> Any:
        kind = torch.bfloat16 if half else torch.float32
        return torch.randn(*shape, device=device, dtype=kind)

    if op == "selective_scan":
        B, L, D, N = s["B"], s["L"], s["D"], s["N"]
        found = {name: draw(B, L, D) for name in ("u", "delta", "z")}
        found |= {name: draw(B, L, N) for name in ("B", "C")}
        found |= {"A": -draw(D, N, half=False).exp()}
        return found | {name: draw(D, half=False) for name in ("D", "delta_bias")}
    if op == "mlstm":
        found = {name: draw(s["B"], s["H"], s["L"], s["K"]) for name in "qk"}
        found |= {"v": draw(s["B"], s["H"], s["L"], s["V"])}
        return found | {n: draw(s["B"], s["H"], s["L"], half=False) + 2 for n in "if"}
    if op == "ssd":
        rows, H, P = (s["B"], s["L"]), s["H"], s["P"]
        found = {name: draw(*rows, H, P) for name in "xz"}
        found |= {name: draw(*rows, s["G"], s["N"]) for name in "BC"}
        found |= {"dt": draw(*rows, H), "A": -draw(H, half=False).exp()}
        return found | {name: draw(H, half=False) for name in ("D", "dt_bias")}
    if op == "slstm":
        H, D = s["H"], s["D"]
        weight = draw(4, H, D, D, half=False) / D**0.5
        return {"x": draw(s["B"], s["L"], 4, H, D), "recurrent": weight}
    D = s["D"]
    found = {"x": draw(s["B"], s["L"], D), "weight": draw(D, s["W"], half=False)}
    return found | {"bias": draw(D, half=False)}


def ours(op: str, backend: str) -> Callable[[dict[str, Any]], Any]:
    """The call of our op; inputs of positions are transposed views, as layers pass them."""
    from biosequence import kernels

    run = getattr(kernels, op)
    fixed: dict[str, dict[str, Any]] = {
        "selective_scan": {"delta_softplus": True},
        "ssd": {"dt_softplus": True},
        "causal_conv1d": {"activation": "silu"},
    }
    turned = {"selective_scan": ("u", "delta", "z", "B", "C"), "causal_conv1d": ("x",)}

    def call(given: dict[str, Any]) -> Any:
        given = {k: x.mT if k in turned.get(op, ()) else x for k, x in given.items()}
        return run(**given, **fixed.get(op, {}), backend=backend)

    return call


def measure(call: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds of a forward pass, and of forward and backward; medians."""
    import torch

    given = {name: x.detach().requires_grad_() for name, x in given.items()}
    slope = torch.ones_like(call(given))

    def forward() -> None:
        with torch.no_grad():
            call(given)

    def both() -> None:
        call(given).backward(slope)
        for x in given.values():
            x.grad = None

    return _median(forward), _median(both)


def _median(run: Callable[[], None]) -> float:
    import torch

    for _ in range(2):
        run()
    torch.cuda.synchronize()
    times, end = [], time.monotonic() + 2.0
    while len(times) < 20 and (len(times) < 3 or time.monotonic() < end):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop))
    return sorted(times)[len(times) // 2]


def look_at_card() -> Card:
    """Measure a copy and a product, and ask for the clock and the multiprocessors."""
    import torch
    import triton

    a = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    b = torch.empty_like(a)
    copy = _median(lambda: b.copy_(a))
    x = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    product = _median(lambda: x @ x)
    query = [
        "nvidia-smi",
        "--query-gpu=clocks.max.sm,driver_version",
        "--format=csv,noheader,nounits",
    ]
    clock, driver = (
        subprocess.run(query, capture_output=True, text=True, check=True)
        .stdout.splitlines()[0]
        .split(", ")
    )
    cores = torch.cuda.get_device_properties(0).multi_processor_count
    per_second = cores * float(clock) * 1e6
    card = Card(
        torch.cuda.get_device_name(0),
        2 * a.numel() / copy * 1e3,
        2 * 8192**3 / product * 1e3,
        16 * per_second,
        128 * per_second,
    )
    card.about = {
        "torch": torch.__version__,
        "triton": triton.__version__,
        "driver": driver,
        "copy": f"{card.bandwidth / 1e12:.2f} TB/s",
        "bfloat16 product": f"{card.products / 1e12:.0f} TFLOP/s",
        "multiprocessors": f"{cores} at up to {clock} MHz",
    }
    return card


def rows(card: Card, case: Case, deadline: float) -> list[str]:
    """Lines of the table for a case: ours, torch alone, and peers."""
    import torch

    floors = [card.floor(work) for work in case.work(**case.sizes)]
    runs = {"**triton**": ours(case.op, "triton")}
    if not case.skip_fallback:
        runs[f"our {case.fallback}"] = ours(case.op, case.fallback)
    runs |= {name: call for name, (op, call) in PEERS.items() if op == case.op}
    size = ", ".join(f"{name} {value}" for name, value in case.sizes.items())
    lines = []
    for name, call in runs.items():
        if time.monotonic() > deadline:
            lines.append(f"| {case.op} | {size} | {name} | out of time | | | |")
            continue
        torch.cuda.empty_cache()
        torch.manual_seed(0)
        try:
            forward, both = measure(call, inputs(case.op, case.sizes, "cuda"))
        except ImportError:
            continue
        except Exception as problem:  # noqa: BLE001 - a peer's failure is a line of the table
            reason = f"{type(problem).__name__}: {problem}".splitlines()[0].replace("|", "/")[:90]
            lines.append(f"| {case.op} | {size} | {name} | {reason} | | | |")
            continue
        shares = floors[0] / forward, floors[1] / both
        lines.append(
            f"| {case.op} | {size} | {name} | {forward:.2f} | {shares[0]:.0%} "
            f"| {both:.2f} | {shares[1]:.0%} |"
        )
    for line in lines:
        print(line, flush=True)
    return lines


def page(card: Card, lines: list[str], failed: str) -> str:
    """The page of the documentation."""
    about = ", ".join(f"{name} {value}" for name, value in card.about.items())
    wrong = f"\n**Wrong results on this machine, so that their times mean nothing: {failed}.**\n"
    return "\n".join([
        "# Kernels on a GPU",
        "",
        f"{card.name}; {about}. Written by `benchmarks/gpu.sh`.",
        wrong if failed else "",
        "bfloat16 inputs, float32 parameters and states; medians. The floor is the longest of four "
        "times: the bytes that have to move, at the measured speed of a copy; products, at the "
        "measured speed of a large one; exponentials and other fp32 instructions, at the clock. "
        "Formulas are in `benchmarks/gpu_kernels.py`.",
        "",
        "| op | size | implementation | forward ms | of the floor | forward + backward ms "
        "| of the floor |",
        "|---|---|---|---|---|---|---|",
        *lines,
        "",
    ])  # fmt: skip


def dry_run() -> None:
    """What can be checked without a GPU: imports, sizes, formulas, and a call of each op."""
    import torch

    for case in CASES:
        for work in case.work(**case.sizes):
            assert work.bytes > 0, case
        small = {
            n: min(v, 8 if n in "BLD" else 4 if n == "W" else 16) for n, v in case.sizes.items()
        }
        small["H"] = min(small.get("H", 1), 2)
        given = {k: x.float().requires_grad_() for k, x in inputs(case.op, small, "cpu").items()}
        out = ours(case.op, "naive")(given)
        out.backward(torch.ones_like(out))
        print(f"{case.op}: {case.sizes} ({case.note})")
    print(f"peers: {', '.join(PEERS)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="check without a GPU and stop")
    parser.add_argument("--output", type=Path, help="page to write")
    parser.add_argument("--seconds", type=float, default=240.0, help="start no timing after these")
    parser.add_argument("--failed", default="", help="ops whose results were wrong")
    arguments = parser.parse_args()
    if arguments.dry_run:
        dry_run()
        return 0
    import torch

    if not torch.cuda.is_available():
        print("There is no CUDA device; --dry-run checks without one.", file=sys.stderr)
        return 2
    deadline = time.monotonic() + arguments.seconds
    card = look_at_card()
    lines: list[str] = []
    for case in CASES:
        lines += rows(card, case, deadline)
        # After each case: what was measured is not lost where the machine is taken back.
        if arguments.output:
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(page(card, lines, arguments.failed), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
