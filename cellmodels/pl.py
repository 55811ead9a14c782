"""Pictures of an annotation, made with scanpy and matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import pandas as pd
import scanpy as sc

from biosequence.errors import InputError, UsageError

from .annotate.evidence_table import evidence_expression, evidence_genes
from .annotate.result import UNKNOWN
from .calling import python_words, require_annotation
from .reports.colours import CATEGORIES, UNKNOWN_COLOUR

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["annotation", "composition", "evidence"]

BAR = 0.28  # inches a bar


def annotation(
    adata: AnnData, *, basis: str = "X_umap", key: str = "bioseq", show: bool | None = None
) -> Figure | None:
    """Maps by cell type and by confidence, and how many cells have each name.

    Parameters
    ----------
    adata
        Annotated cells with a map.
    basis
        The map in ``adata.obsm``.
    key
        The `key_added` of the annotation.
    show
        Show the figure; False returns it. By default as scanpy is set.

    Returns
    -------
    The figure with ``show=False``, otherwise None.

    Raises
    ------
    InputError
        If the object is not annotated, or has no such map.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> cm.tl.annotate(adata)
    >>> figure = cm.pl.annotation(adata, show=False)
    """
    require_annotation(adata, key)
    if basis not in adata.obsm:
        msg = f"There is no map {basis!r} in obsm."
        fix = f'Make one: sc.pp.neighbors(adata, use_rep="X_{key}"); sc.tl.umap(adata)'
        raise InputError(msg, where="AnnData object", fix=fix)
    types = f"{key}_cell_type"
    colours = type_colours(adata.obs[types])
    height = max(4.0, 0.8 + BAR * len(colours))
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(15, height), width_ratios=(4, 2.4, 4.6), layout="constrained"
    )
    # The bars name the colours, so that long names do not cover the map.
    sc.pl.embedding(
        adata,
        basis.removeprefix("X_"),
        color=types,
        palette=colours,
        legend_loc=None,
        title="cell type",
        ax=left,
        show=False,
    )
    composition(adata, key=key, ax=middle, show=False)
    sc.pl.embedding(
        adata,
        basis.removeprefix("X_"),
        color=f"{key}_confidence",
        vmin=0,
        vmax=1,
        title="confidence",
        ax=right,
        show=False,
    )
    return _hand_over(figure, show)


def composition(
    adata: AnnData,
    *,
    groupby: str | None = None,
    key: str = "bioseq",
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | None:
    """How many cells have each name; with `groupby`, the share of each name in each group.

    Parameters
    ----------
    adata
        Annotated cells.
    groupby
        An obs column, such as the sample or the condition.
    key
        The `key_added` of the annotation.
    ax
        Axes to draw on.
    show
        Show the figure; False returns the axes. By default as scanpy is set.

    Returns
    -------
    The axes with ``show=False``, otherwise None.

    Raises
    ------
    InputError
        If the object is not annotated.
    UsageError
        If there is no column `groupby`.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> cm.tl.annotate(adata)
    >>> axes = cm.pl.composition(adata, groupby="phase", show=False)
    >>> axes.get_xlabel()
    'share of cells'
    """
    require_annotation(adata, key)
    if groupby is not None and groupby not in adata.obs:
        near = ", ".join(map(str, adata.obs.columns[:8]))
        msg = f"There is no obs column {groupby!r}."
        raise UsageError(msg, where="groupby", fix=f"Give one of: {near}.")
    types = adata.obs[f"{key}_cell_type"].astype(str)
    colours = type_colours(types)
    if groupby is None:
        counts = types.value_counts()[list(colours)]
        ax = ax or _new_axes(len(counts), width=5)
        ax.barh(list(counts.index), counts.to_numpy(), color=list(colours.values()))
        ax.bar_label(ax.containers[0], padding=2, fontsize=8)
        ax.margins(x=0.18)
        ax.set_xlabel("cells")
    else:
        shares = pd.crosstab(adata.obs[groupby], types, normalize="index")[list(colours)]
        shares.index = shares.index.astype(str)
        ax = ax or _new_axes(max(len(shares), 0.8 * len(colours)), width=8)
        shares.plot.barh(stacked=True, color=list(colours.values()), width=0.8, ax=ax)
        ax.legend(bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False, fontsize=8)
        ax.set(xlabel="share of cells", xlim=(0, 1))
    ax.invert_yaxis()
    # scanpy.set_figure_params turns grids on, which cross the bars.
    ax.grid(False)
    ax.tick_params(axis="y", labelsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    return _hand_over(ax, show)


def evidence(
    adata: AnnData,
    *,
    n_genes: int = 3,
    key: str = "bioseq",
    show: bool | None = None,
    **options: Any,
) -> dict[str, Axes] | None:
    """Dot plot of the genes that speak for each name, in every named type.

    Types and the groups of their genes bear the same numbers. Values are log1p of counts per
    10,000 of the matrix that was annotated, whatever `X` holds.

    Parameters
    ----------
    adata
        Annotated cells.
    n_genes
        Most genes for each cell type.
    key
        The `key_added` of the annotation.
    show
        Show the figure; False returns its axes. By default as scanpy is set.
    **options
        Further ones of `scanpy.pl.dotplot`.

    Returns
    -------
    The axes by name with ``show=False``, otherwise None.

    Raises
    ------
    InputError
        If the object is not annotated, or no cluster has evidence: answers per cell have none.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> cm.tl.annotate(adata)
    >>> axes = cm.pl.evidence(adata, show=False)
    """
    require_annotation(adata, key)
    genes = evidence_genes(str(adata.uns[key]["clusters"]), n_genes)
    # The cells of a mixed cluster keep their own names: nobody may bear the cluster's.
    borne = set(adata.obs[f"{key}_cell_type"].astype(str))
    genes = {name: group for name, group in genes.items() if name in borne}
    if not genes:
        msg = "No cluster has genes that speak for its name."
        fix = "Evidence comes with clusters: cm.tl.annotate(adata, cluster=True)"
        raise InputError(msg, where="AnnData object", fix=fix)
    with python_words():
        cells, genes = evidence_expression(adata, genes, key)
    # Names of cell types are too long for the brackets over the genes.
    numbered = {name: f"{number}  {name}" for number, name in enumerate(genes, 1)}
    cells.obs["cell type"] = cells.obs["cell type"].cat.rename_categories(numbered)
    settings = {"var_group_rotation": 0, "categories_order": list(numbered.values()), **options}
    groups = {str(number): group for number, group in enumerate(genes.values(), 1)}
    return sc.pl.dotplot(cells, groups, groupby="cell type", show=show, **settings)


def type_colours(types: pd.Series) -> dict[str, str]:
    """Colour of each cell type, most frequent first and `Unknown` last.

    Up to twelve types have the colours of the report; colours differ up to 102 types.
    """
    counts = types.astype(str).value_counts()
    order = sorted(counts.index, key=lambda name: (-counts[name], name))
    known = [name for name in order if name != UNKNOWN]
    scanpys = sc.pl.palettes
    palettes = (CATEGORIES, scanpys.default_20, scanpys.default_28, scanpys.default_102)
    palette = next((p for p in palettes if len(p) >= len(known)), palettes[-1])
    colours = {name: palette[place % len(palette)] for place, name in enumerate(known)}
    return colours | ({UNKNOWN: UNKNOWN_COLOUR} if UNKNOWN in counts else {})


def _new_axes(num_bars: float, *, width: float) -> Axes:
    return plt.subplots(figsize=(width, 0.8 + BAR * num_bars), layout="constrained")[1]


def _hand_over(drawn: Any, show: bool | None) -> Any:
    if sc.settings.autoshow if show is None else show:
        plt.show()
        return None
    return drawn
