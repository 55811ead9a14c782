"""``adata.bioseq``: the same functions, on the object itself.

Importing this module makes the attribute. ``import cellmodels`` does so when anndata (or scanpy) is
imported already, and the first use of ``cm.pp``, ``cm.tl`` or ``cm.pl`` does so in any case.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anndata import AnnData, register_anndata_namespace

if TYPE_CHECKING:
    import pandas as pd

    from .inputs import InputCheck

__all__ = ["BioseqAccessor"]


@register_anndata_namespace("bioseq")
class BioseqAccessor:
    """Annotation of one AnnData object, as ``adata.bioseq``.

    Examples
    --------
    >>> import scanpy as sc
    >>> import cellmodels.accessor
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.bioseq.annotate(tissue="blood")
    >>> adata.bioseq.report("report.html")
    """

    def __init__(self, adata: AnnData) -> None:
        self._adata = adata

    def check(self, **options: Any) -> InputCheck:
        """What each matrix holds and which is read; options of `cellmodels.pp.check`."""
        from .pp import check

        return check(self._adata, **options)

    def annotate(self, **options: Any) -> AnnData | None:
        """Names for every cell, in place; options of `cellmodels.tl.annotate`."""
        from .tl import annotate

        return annotate(self._adata, **options)

    def embed(self, **options: Any) -> AnnData | None:
        """The embedding alone, in place; options of `cellmodels.tl.embed`."""
        from .tl import embed

        return embed(self._adata, **options)

    def clusters(self, *, key: str = "bioseq") -> pd.DataFrame:
        """What was found in each cluster, one row a cluster, the largest first.

        Parameters
        ----------
        key
            The `key_added` of the annotation.

        Returns
        -------
        ``n_cells``, ``cell_type``, ``ontology_term_id``, ``confidence``, ``status`` (named, mixed,
        small or unknown), ``agreement`` (share of the cells whose own answer lies on the same
        branch), ``runner_up``, ``evidence`` (genes that speak for the answer), ``missing``
        (expected genes that are not seen) and ``reason``; indexed by cluster.

        Raises
        ------
        InputError
            If the object is not annotated.

        Examples
        --------
        >>> import cellmodels as cm, scanpy as sc
        >>> adata = sc.datasets.pbmc68k_reduced()
        >>> cm.tl.annotate(adata, cluster_key="louvain")
        >>> int(adata.bioseq.clusters()["n_cells"].sum())
        700
        """
        from .annotate.restoring import cluster_table
        from .calling import require_annotation

        require_annotation(self._adata, key)
        return cluster_table(str(self._adata.uns[key]["clusters"]))

    def report(self, path: str | Path, *, key: str = "bioseq") -> None:
        """The HTML report on the annotation that the object holds.

        It is the page that ``bioseq annotate`` writes. Where the object has a UMAP, the page shows
        that one. A file of that name is replaced.

        Parameters
        ----------
        path
            Where to write.
        key
            The `key_added` of the annotation.

        Raises
        ------
        InputError
            If the object is not annotated, has lost or gained cells since, or the file cannot be
            written.
        """
        from .annotate.reporting import report_on
        from .annotate.restoring import restore_result
        from .calling import python_words, require_annotation
        from .stream import open_cells
        from .writing import preflight

        require_annotation(self._adata, key)
        with python_words(), open_cells(self._adata) as source:
            preflight(path)
            report_on(restore_result(source, self._adata.uns[key], key), source, Path(path))
