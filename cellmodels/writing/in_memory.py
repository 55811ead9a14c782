"""The same results on an AnnData object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from biosequence.errors import InputError

from .results import Results, storable_column

if TYPE_CHECKING:
    from anndata import AnnData


def annotate_memory(
    adata: AnnData,
    *,
    obs: Mapping[str, Any],
    obsm: Mapping[str, np.ndarray],
    uns: Mapping[str, Any],
) -> None:
    """Put results on an AnnData object, in place; entries of the same names are replaced.

    Parameters
    ----------
    adata
        The object, in memory or backed; of a backed one only the part in memory changes.
    obs
        Columns for the table of cells, one value a cell; None takes a column out.
    obsm
        Embeddings, [n_obs, dimensions].
    uns
        Unstructured results by name.

    Raises
    ------
    InputError
        If `adata` is a view: writing would silently turn it into a copy.
    UsageError
        If a name holds "/".
    """
    if adata.is_view:
        raise InputError(
            "This AnnData is a view of another one, and results cannot be put on a view.",
            where="AnnData object",
            fix="Copy it first: adata = adata.copy()",
        )
    results = Results(num_cells=adata.n_obs, obs=obs, obsm=obsm, uns=uns)
    for name, values in results.obs.items():
        if values is not None:
            adata.obs[name] = storable_column(values)
        elif name in adata.obs:
            del adata.obs[name]
    for name, value in results.obsm.items():
        adata.obsm[name] = np.asarray(value)
    for name, value in results.uns.items():
        adata.uns[name] = value
