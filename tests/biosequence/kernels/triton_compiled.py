"""Compile every kernel for a GPU that is not there, and count its registers.

Run as a script with the architecture, such as 90: a line of JSON for each kernel. Triton keeps
what it compiled by the number of the device, so that each architecture needs a process.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from biosequence.kernels import MLSTMState
from biosequence.kernels.causal_conv.gpu import causal_conv1d_triton
from biosequence.kernels.mlstm.triton import mlstm_triton
from biosequence.kernels.selective_scan.gpu import selective_scan_triton
from biosequence.kernels.slstm.gpu import slstm_triton
from biosequence.kernels.ssd.triton import ssd_triton

INSPECTOR = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


class AbsentGPU:
    """What the compiler asks a driver for."""

    def __init__(self, architecture: int) -> None:
        self.target = GPUTarget("cuda", architecture, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def scan(dtype: torch.dtype) -> torch.Tensor:
    x, maps = (torch.ones(1, 64, n, dtype=dtype, requires_grad=True).mT for n in (64, 16))
    A, D = torch.ones(64, 16, requires_grad=True), torch.ones(64, requires_grad=True)
    return selective_scan_triton(x, x, A, maps, maps, D, x, D, True)


def mlstm(dtype: torch.dtype, packed: bool, K: int, V: int) -> torch.Tensor:
    q, v = (torch.ones(1, 2, 128, n, dtype=dtype, requires_grad=True) for n in (K, V))
    gate = torch.ones(1, 2, 128, requires_grad=True)
    options: dict[str, Any] = {}
    if packed:
        options["seq_idx"] = torch.zeros(1, 128, dtype=torch.int64)
        options["initial_state"] = MLSTMState.zeros(1, 2, K, V)
    return mlstm_triton(q, q, v, gate, gate, **options)


def ssd(dtype: torch.dtype) -> torch.Tensor:
    x = torch.ones(1, 128, 4, 64, dtype=dtype, requires_grad=True)
    dt, maps = x[..., 0], torch.ones(1, 128, 1, 128, dtype=dtype, requires_grad=True)
    return ssd_triton(x, dt, torch.ones(4), maps, maps)


def slstm(dtype: torch.dtype, width: int) -> torch.Tensor:
    x = torch.ones(2, 16, 4, 2, width, dtype=dtype, requires_grad=True)
    return slstm_triton(x, torch.ones(4, 2, width, width), torch.ones(4, 2, width))


def convolution(dtype: torch.dtype, channels_last: bool) -> torch.Tensor:
    x = torch.ones(1, 64, 64, dtype=dtype, requires_grad=True)
    x = x.mT if channels_last else x
    return causal_conv1d_triton(x, torch.ones(64, 4), torch.ones(64), activation="silu")


CASES: dict[str, Callable[[], torch.Tensor]] = {
    "scan bf16": lambda: scan(torch.bfloat16),
    "mlstm bf16 128 256": lambda: mlstm(torch.bfloat16, False, 128, 256),
    "mlstm fp32 64 64 packed": lambda: mlstm(torch.float32, True, 64, 64),
    "ssd bf16": lambda: ssd(torch.bfloat16),
    "slstm bf16 64": lambda: slstm(torch.bfloat16, 64),
    "convolution bf16": lambda: convolution(torch.bfloat16, True),
    "convolution fp32": lambda: convolution(torch.float32, False),
}


def compiled(architecture: int) -> Iterator[dict[str, Any]]:
    """Each kernel of each case with its registers and bytes of spilled registers."""
    driver.set_active(AbsentGPU(architecture))
    launched: list[tuple[str, Any]] = []
    launch = JITFunction.run

    def only_compile(self: Any, *args: Any, **options: Any) -> Any:
        kernel = launch(self, *args, **options | {"warmup": True})
        launched.append((self.__name__, kernel))
        return kernel

    JITFunction.run = only_compile
    for case, call in CASES.items():
        launched.clear()
        call().sum().backward()
        for name, kernel in launched:
            yield {"case": case, "kernel": name, **usage(kernel)}


def usage(kernel: Any) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        command = [INSPECTOR, "--dump-resource-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", text).groups()
    ptx = kernel.asm["ptx"]
    products = next((word for word in ("tcgen05.mma", "wgmma", "mma.sync") if word in ptx), "")
    return {"registers": int(registers), "stack": int(stack), "products": products}


if __name__ == "__main__":
    for line in compiled(int(sys.argv[1])):
        print(json.dumps(line))
