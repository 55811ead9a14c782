"""A device is resolved with its reason, or refused with the ones there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biosequence.device import available_devices, resolve_device, seed_everything
from biosequence.errors import UsageError


def test_auto_takes_the_gpu_only_where_there_is_one() -> None:
    device = resolve_device("auto")
    assert (device.name == "cpu") == (set(available_devices()) == {"cpu"})
    assert device.reason


@pytest.mark.parametrize("name", ["cuda:99", "gpu", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_device(name)
    assert "cpu" in caught.value.fix


def test_the_same_seed_gives_the_same_numbers() -> None:
    draws = []
    for _ in range(2):
        seed_everything(3)
        draws.append((np.random.rand(), float(torch.rand(()))))
    assert draws[0] == draws[1]
