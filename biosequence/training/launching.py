"""How this process was launched, and what DeepSpeed needs to find in its environment."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """Place of this process among those of the run."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def main(self) -> bool:
        """Whether this process writes the files that exist once."""
        return self.rank == 0


def current_launch() -> Launch:
    """What torchrun or the deepspeed launcher said; one process where nobody launched.

    Examples
    --------
    >>> current_launch().main
    True
    """
    found = {name: int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK")}
    world = int(os.environ.get("WORLD_SIZE", 1))
    return Launch(found["RANK"], world, found["LOCAL_RANK"])


def prepare_deepspeed(*, cpu: bool) -> None:
    """Make DeepSpeed start with one process too, without a compiler, and without chatter."""
    # DeepSpeed takes a process that nobody launched for one of MPI's.
    defaults = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MASTER_PORT", str(_free_port()))
    if cpu:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    import deepspeed

    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    # Building this op needs a compiler and half a minute; gloo does the same.
    table = getattr(deepspeed.ops, "__compatible_ops__", None)
    if cpu and isinstance(table, dict):
        table["deepspeed_shm_comm"] = False


def forget_deepspeed() -> None:
    """Let models be built whole again: transformers cuts them while it knows of stage 3."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
