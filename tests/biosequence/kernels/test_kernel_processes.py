"""Compiled kernels survive forks, threads and folders that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from biosequence.kernels import selective_scan

pytest.importorskip("numba")


def scan(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(2, 200, 30, generator=generator)
    A, maps = -torch.rand(200, 4, generator=generator), torch.randn(2, 4, 30, generator=generator)
    return selective_scan(u, u.abs(), A, maps, maps, backend="cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads_share_the_work_and_the_result_is_the_same(two_threads: None) -> None:
    shared = scan(0)
    torch.set_num_threads(1)
    assert torch.equal(scan(0), shared)


def test_calls_from_several_threads_at_once(two_threads: None) -> None:
    wanted = [scan(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(scan, range(8)))
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_can_scan_after_its_parent_did() -> None:
    code = """
import os, torch
from biosequence.kernels import selective_scan
torch.set_num_threads(2)
u, A, maps = torch.ones(2, 200, 9), -torch.ones(200, 2), torch.ones(2, 2, 9)
scan = lambda: selective_scan(u, u, A, maps, maps, backend="cpu")
wanted = scan()
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(scan(), wanted) else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_a_folder_that_cannot_be_written_means_compiling_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numba

    from biosequence.kernels import compiling

    plain = numba.njit

    def njit(*args, cache: bool = False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return plain(*args, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiling.compiled(lambda x: x + 1)(2) == 3


def test_nothing_asks_for_numba_where_it_is_missing(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["numba"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "numba" else find(name, *a)
import torch
import biosequence.kernels as kernels
u, A, maps = torch.ones(1, 2, 3, requires_grad=True), -torch.ones(2, 1), torch.ones(1, 1, 3)
kernels.selective_scan(u, u, A, maps, maps).sum().backward()
assert dict(kernels.backends()["selective_scan"])["cpu"] == "numba is not installed"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
