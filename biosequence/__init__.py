"""DNA, protein and SMILES language models, and everything the rooms share."""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
