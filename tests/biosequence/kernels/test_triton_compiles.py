"""The Triton kernels compile for the GPUs in use, and keep what they work on in registers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("triton_compiled.py")
# Bytes a thread that any kernel may have on its stack: not worth a thought.
SMALL = 16
# Kernels that may put registers down: eight states at once, or products of fp32 as three of TF32 on
# states that stay.
ALLOWED = {
    ("scan bf16", "backward_kernel"): 128,
    ("mlstm fp32 64 64 packed", "states_back_kernel"): 256,
    ("mlstm fp32 64 64 packed", "keys_back_kernel"): 256,
}
KERNELS = 31


@pytest.mark.slow
@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
@pytest.mark.parametrize("architecture", [80, 90, 100])
def test_every_kernel_compiles_and_fits_into_the_registers(architecture: int) -> None:
    environment = {k: value for k, value in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(architecture)],
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == KERNELS
    spilled = {
        (kernel["case"], kernel["kernel"]): kernel["stack"]
        for kernel in found
        if kernel["stack"] > ALLOWED.get((kernel["case"], kernel["kernel"]), SMALL)
    }
    assert spilled == {}
    if architecture == 90:
        big = [k["products"] for k in found if k["case"] == "mlstm bf16 128 256"]
        assert big.count("wgmma") == 6
