"""Where the work runs, and why there."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .errors import UsageError


@dataclass(frozen=True)
class Device:
    """A device in torch's own spelling and the sentence that says why it was taken."""

    name: str
    reason: str

    def __str__(self) -> str:
        return self.name


def available_devices() -> dict[str, str]:
    """Devices that torch can use now, and what each is: ``{"cpu": ..., "cuda:0": ...}``."""
    import torch

    devices = {"cpu": f"{torch.get_num_threads()} threads"}
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(number)
        memory = properties.total_memory / 2**30
        devices[f"cuda:{number}"] = f"{properties.name}, {memory:.0f} GiB"
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


def resolve_device(name: str = "auto") -> Device:
    """The device that a name stands for on this machine.

    Parameters
    ----------
    name
        ``auto`` takes the first GPU there is and the CPU otherwise; ``cpu``, ``cuda``, ``cuda:1``
        and ``mps`` insist.

    Raises
    ------
    UsageError
        The device is not one of these names, or this machine has none of the kind.

    Examples
    --------
    >>> resolve_device("cpu").reason
    'asked for'
    """
    if name == "cpu":
        return Device("cpu", "asked for")
    devices = available_devices()
    if name == "auto":
        for candidate in devices:
            if candidate != "cpu":
                return Device(candidate, f"the first GPU that torch sees ({devices[candidate]})")
        return Device("cpu", "torch sees no GPU")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted in devices:
        return Device(wanted, "asked for")
    raise UsageError(
        f"There is no device {name!r} that torch can use.",
        where="--device",
        fix=f"Choose auto or one of: {', '.join(devices)}. `bioseq doctor` shows what torch sees.",
    )


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, so that a run can be repeated."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
