"""A command run to its end: seconds and peak memory; and where such numbers are from."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Run:
    """What one command took, its start included."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


# A process starts with the peak of the one that it came from: this small one stands between.
LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]), flush=True)
sys.exit(code)
"""


def run(command: Sequence[str]) -> Run:
    """Run a command and wait for it.

    Raises
    ------
    CalledProcessError
        If it fails.
    """
    launched = [sys.executable, "-S", "-c", LAUNCHER, *command]
    started = time.perf_counter()
    done = subprocess.run(launched, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - started
    output, _, used = done.stdout.rstrip().rpartition("\n")
    cpu_seconds, peak = json.loads(used)
    # Linux counts in KiB, macOS in bytes.
    return Run(seconds, cpu_seconds, peak * (1 if sys.platform == "darwin" else 1024), output)


def conditions(*packages: str) -> dict[str, Any]:
    """Machine, load and versions behind a measurement."""
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {
            name: version(name) for name in ("bioseq-toolkit", "numpy", "scipy", *packages)
        },
    }
