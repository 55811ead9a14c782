"""What training reads: token shards, datasets over them, tables with labels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .shard_writer import ShardWriter
    from .token_shards import TokenShards

_HOMES = {
    "ShardWriter": "shard_writer",
    "TokenShards": "token_shards",
}

__all__ = ["ShardWriter", "TokenShards"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
