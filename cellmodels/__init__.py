"""Cell-text models and cell type annotation for AnnData.

>>> import cellmodels as cm
>>> import scanpy as sc
>>> adata = sc.datasets.pbmc68k_reduced()
>>> cm.tl.annotate(adata)
>>> "bioseq_cell_type" in adata.obs
True
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from biosequence._version import __version__

if TYPE_CHECKING:
    from . import pl, pp, tl

_ROOMS = ("pl", "pp", "tl")

__all__ = ["__version__", "pl", "pp", "tl"]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    # Whoever uses a room has AnnData objects, and they get their `adata.bioseq` with it.
    import_module(".accessor", __name__)
    return import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted(__all__)


# anndata takes a while to import, so it is not imported for its attribute's sake.
if "anndata" in sys.modules:
    import_module(".accessor", __name__)
