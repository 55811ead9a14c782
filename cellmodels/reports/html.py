"""Write the report: one HTML file with no script that asks the network for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from .context import NameInfo, build_context
from .umap import compute_umap

if TYPE_CHECKING:
    from cellmodels.annotate.result import AnnotationResult


def write_report(
    result: AnnotationResult, path: Path, *, title: str, names: NameInfo | None = None
) -> None:
    """Write the report on an annotation as one self-contained HTML file.

    The map is drawn from `result.sketch.umap`; where that is None, it is computed from the
    embedding of the sketch cells.

    Parameters
    ----------
    path
        Where to write.
    title
        Heading of the report.
    names
        File, tissue and number of genes used, as far as they are known.
    """
    page = render_report(result, title=title, names=names or NameInfo())
    # File names may hold bytes that are no UTF-8; Python keeps them as lone surrogates.
    path.write_bytes(page.encode("utf-8", errors="xmlcharrefreplace"))


def render_report(result: AnnotationResult, *, title: str, names: NameInfo) -> str:
    """The report as text."""
    environment = Environment(
        loader=PackageLoader("cellmodels.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    context = build_context(result, title=title, names=names, umap_S2=_coordinates(result))
    return environment.get_template("report.html.j2").render(context)


def _coordinates(result: AnnotationResult) -> np.ndarray | None:
    sketch = result.sketch
    if sketch is None or not len(sketch.rows):
        return None
    if sketch.umap is not None:
        return sketch.umap
    return compute_umap(result.embedding[sketch.rows], int(result.params.get("seed", 0)))
