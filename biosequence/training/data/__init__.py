"""What training reads: token shards, datasets over them, tables with labels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .document_rows import DocumentRows
    from .documents import TokenDocuments
    from .epochs import EpochDataset
    from .families import Families
    from .labelled_dataset import LabelledDataset
    from .molecule_sets import MoleculeSets
    from .packed_windows import PackedWindows
    from .shard_writer import ShardWriter
    from .sources import open_documents
    from .tables import LabelledRows, read_labelled
    from .token_array import TokenArray
    from .token_shards import TokenShards

_HOMES = {
    "DocumentRows": "document_rows",
    "EpochDataset": "epochs",
    "Families": "families",
    "LabelledDataset": "labelled_dataset",
    "LabelledRows": "tables",
    "MoleculeSets": "molecule_sets",
    "PackedWindows": "packed_windows",
    "ShardWriter": "shard_writer",
    "TokenArray": "token_array",
    "TokenDocuments": "documents",
    "TokenShards": "token_shards",
    "open_documents": "sources",
    "read_labelled": "tables",
}

__all__ = [
    "DocumentRows",
    "EpochDataset",
    "Families",
    "LabelledDataset",
    "LabelledRows",
    "MoleculeSets",
    "PackedWindows",
    "ShardWriter",
    "TokenArray",
    "TokenDocuments",
    "TokenShards",
    "open_documents",
    "read_labelled",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
