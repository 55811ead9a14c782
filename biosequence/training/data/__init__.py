"""What training reads: token shards, datasets over them, tables with labels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .document_rows import DocumentRows
    from .documents import TokenDocuments
    from .epochs import EpochDataset
    from .packed_windows import PackedWindows
    from .shard_writer import ShardWriter
    from .sources import open_documents
    from .token_shards import TokenShards

_HOMES = {
    "DocumentRows": "document_rows",
    "EpochDataset": "epochs",
    "PackedWindows": "packed_windows",
    "ShardWriter": "shard_writer",
    "TokenDocuments": "documents",
    "TokenShards": "token_shards",
    "open_documents": "sources",
}

__all__ = [
    "DocumentRows",
    "EpochDataset",
    "PackedWindows",
    "ShardWriter",
    "TokenDocuments",
    "TokenShards",
    "open_documents",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
