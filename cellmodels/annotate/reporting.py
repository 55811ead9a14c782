"""The report on an annotation, drawn with what its input knows: its name and its own map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cellmodels.stream import CellSource

from .result import AnnotationResult


def report_on(result: AnnotationResult, source: CellSource, path: Path) -> None:
    """Write the HTML report on what was found in `source`.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    from biosequence.atomic import atomic_path
    from cellmodels.reports import NameInfo, write_report

    own = _own_umap(source)
    if own is not None and result.sketch is not None:
        result.sketch = replace(result.sketch, umap=own[result.sketch.rows])
    names = NameInfo(
        file=Path(source.name).name,
        tissue=result.params["tissue"],
        n_genes_used=result.params["n_genes_used"],
        own_umap=own is not None,
    )
    with atomic_path(path) as partial:
        write_report(result, partial, title=f"Cell types in {names.file}", names=names)


def _own_umap(source: CellSource) -> np.ndarray | None:
    if "X_umap" not in source.obsm_keys:
        return None
    coordinates = np.asarray(source.obsm("X_umap"), dtype=np.float32)
    return coordinates[:, :2] if coordinates.ndim == 2 and coordinates.shape[1] >= 2 else None
