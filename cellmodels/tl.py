"""Names, embeddings and descriptions of cells, in scanpy's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .annotate.options import AnnotateOptions
from .calling import python_words, written_object
from .describing import describe
from .few_shot import few_shot
from .finding import retrieve
from .integration import integration_scores

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = [
    "annotate",
    "annotate_markers",
    "describe",
    "embed",
    "few_shot",
    "integration_scores",
    "retrieve",
]


def annotate(
    adata: AnnData,
    *,
    method: str = "auto",
    tissue: str | None = None,
    organism: str = "auto",
    candidates: str | Sequence[str] | None = None,
    cluster_key: str | None = None,
    cluster: bool = True,
    layer: str = "auto",
    gene_key: str | None = None,
    min_confidence: float = 0.0,
    model: str | None = None,
    device: str = "auto",
    batch_size: int = 4096,
    seed: int = 0,
    key_added: str = "bioseq",
    copy: bool = False,
) -> AnnData | None:
    """A cell type, its Cell Ontology id and a calibrated confidence for every cell.

    Does what ``bioseq annotate`` does, on an object in memory: the same cells and options give the
    same names. The network is not used. Values are read from counts or from logarithms; `X` need
    not be prepared, and is not changed.

    Parameters
    ----------
    adata
        Cells by genes, in memory or backed; it is changed in place.
    method
        ``"auto"`` for the model that comes with bioseq, ``"markers"`` for marker genes alone,
        ``"langcell"`` for a LangCell of yours (`model`), which compares cells with descriptions.
    tissue
        Where the cells come from, in plain words such as ``"bone marrow"``.
    organism
        ``"human"``, ``"mouse"``, or ``"auto"`` to tell it from the genes.
    candidates
        The only cell types to choose from: names or Cell Ontology ids, as a list, or as one string
        with commas where no name holds one. For ``"langcell"`` also descriptions in your own
        words, such as ``"exhausted T cells of a tumour, PDCD1 high"``; a description that is no
        term of the ontology is answered as it stands, with an empty id.
    cluster_key
        An obs column with your own clusters, which are named as they are.
    cluster
        Whether the cells of a cluster vote; False leaves each cell its own answer.
    layer
        ``"auto"``, ``"X"``, ``"raw"`` or a layer's name.
    gene_key
        The var column with gene names; by default the one that maps most genes.
    min_confidence
        Below it the answer is ``"Unknown"``.
    model
        Folder of another model: a LangCell that ``bioseq train`` or ``bioseq convert`` wrote, or
        a default model that its recipe made.
    device
        Where LangCell computes: ``"auto"`` or a torch device. The others use the CPU.
    batch_size
        Cells read at once. It never changes an answer.
    seed
        Seed of the clustering.
    key_added
        What the names of all results start with.
    copy
        Change and return a copy instead; of a backed object, a copy in memory.

    Returns
    -------
    The copy with ``copy=True``, otherwise None. These are set, and replaced by a second call:

    ``adata.obs["bioseq_cell_type"]``
        Name in the Cell Ontology, a description of yours, or ``"Unknown"``; categorical.
    ``adata.obs["bioseq_cell_type_ontology_term_id"]``
        Its id; categorical, ``""`` for descriptions and ``"Unknown"``.
    ``adata.obs["bioseq_confidence"]``
        Calibrated probability, float32.
    ``adata.obs["bioseq_cell_type_per_cell"]``
        What each cell says by itself, before the vote.
    ``adata.obs["bioseq_cluster"]``
        The cluster in which the cell voted; absent with ``cluster=False``.
    ``adata.obsm["X_bioseq"]``
        The embedding, float32 ``[n_obs, D]``.
    ``adata.uns["bioseq"]``
        ``params``, ``classes``, ``clusters`` and ``provenance``; the last two are JSON.

    Raises
    ------
    InputError
        If the cells cannot be used, or `adata` is a view.
    UsageError
        If options contradict each other or name nothing.
    ModelError
        If the model cannot be read.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> cm.tl.annotate(adata, tissue="blood")
    >>> [name for name in adata.obs if name.startswith("bioseq")][:3]
    ['bioseq_cell_type', 'bioseq_cell_type_ontology_term_id', 'bioseq_confidence']
    """
    with python_words():
        options = AnnotateOptions(
            method=method,
            tissue=tissue,
            organism=organism,
            candidates=_names(candidates),
            cluster_key=cluster_key,
            cluster=cluster,
            layer=layer,
            gene_key=gene_key,
            min_confidence=min_confidence,
            model=model,
            device=device,
            batch_size=batch_size,
            seed=seed,
            key_added=key_added,
        )
        written = written_object(adata, copy)
        _annotate(written, options)
    return written if copy else None


def _annotate(adata: AnnData, options: AnnotateOptions) -> None:
    from .annotate.pipeline import annotate_cells, stored
    from .writing import annotate_memory

    results = stored(annotate_cells(adata, options), options.key_added)
    annotate_memory(adata, **results)
    # Colours of an earlier call belong to other names.
    adata.uns.pop(f"{options.key_added}_cell_type_colors", None)


def _names(candidates: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    return candidates if candidates is None or isinstance(candidates, str) else tuple(candidates)


def embed(
    adata: AnnData,
    *,
    organism: str = "auto",
    layer: str = "auto",
    gene_key: str | None = None,
    model: str | None = None,
    device: str = "auto",
    batch_size: int = 4096,
    key_added: str = "bioseq",
    copy: bool = False,
) -> AnnData | None:
    """An embedding of every cell, in which cells of one type lie together.

    It is the one that `annotate` adds, without the names. Neighbours and maps are made of it with
    ``sc.pp.neighbors(adata, use_rep="X_bioseq")``. A LangCell model's lies in the space of texts;
    cells without a gene that it knows are zeros there, and a warning tells their number.

    Parameters
    ----------
    adata
        Cells by genes, in memory or backed; it is changed in place.
    organism, layer, gene_key, device, batch_size
        As in `annotate`.
    model
        Folder of another model: one that a default-model recipe wrote, or a LangCell model.
    key_added
        The embedding is ``adata.obsm["X_" + key_added]``, float32 ``[n_obs, D]``, one unit vector
        a cell.
    copy
        Change and return a copy instead; of a backed object, a copy in memory.

    Returns
    -------
    The copy with ``copy=True``, otherwise None.

    Raises
    ------
    InputError, UsageError, ModelError
        As `annotate`.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> cm.tl.embed(adata)
    >>> adata.obsm["X_bioseq"].shape[0]
    700
    """
    from .annotate.embedding import embed_cells
    from .models.langcell.encoding import warn_of_empty
    from .models.langcell.folder import is_langcell
    from .writing import annotate_memory

    with python_words():
        options = AnnotateOptions(
            organism=organism,
            layer=layer,
            gene_key=gene_key,
            model=model,
            device=device,
            batch_size=batch_size,
            key_added=key_added,
        )
        written = written_object(adata, copy)
        embedding = embed_cells(written, options)
        if model is not None and is_langcell(model):
            warn_of_empty(embedding)
        annotate_memory(written, obs={}, obsm={f"X_{key_added}": embedding}, uns={})
    return written if copy else None


def annotate_markers(
    markers: pd.DataFrame | Mapping[str, Sequence[str]],
    *,
    tissue: str | None = None,
    organism: str = "auto",
    candidates: str | Sequence[str] | None = None,
    min_confidence: float = 0.0,
    model: str | None = None,
) -> pd.DataFrame:
    """A cell type for each cluster from its marker genes alone, no matrix.

    Parameters
    ----------
    markers
        A table with the columns ``cluster`` and ``gene`` (one gene a row) or ``cluster`` and
        ``markers`` (genes with commas, best first), and optionally ``tissue``; tables of
        ``sc.get.rank_genes_groups_df`` and Seurat's ``FindAllMarkers`` serve as they are. Or a
        dictionary from cluster to genes, best first.
    tissue, organism, candidates, min_confidence, model
        As in `annotate`.

    Returns
    -------
    One row a cluster, with the columns ``cluster``, ``cell_type``, ``ontology_term_id``,
    ``confidence``, ``runner_up`` and ``evidence`` (genes of the list that are markers of the
    answer; the reason where there is none).

    Raises
    ------
    InputError, UsageError, ModelError
        As `annotate`.

    Examples
    --------
    >>> import cellmodels as cm
    >>> lists = {"0": ["MS4A1", "CD79A", "CD79B", "BANK1", "TCL1A", "IGHD"]}
    >>> found = cm.tl.annotate_markers(lists, tissue="blood")
    >>> "B cell" in found.loc[0, "cell_type"]
    True
    """
    from .annotate.table import annotate_markers as annotate_lists
    from .annotate.table_reading import marker_lists

    with python_words():
        options = AnnotateOptions(
            tissue=tissue,
            organism=organism,
            candidates=_names(candidates),
            min_confidence=min_confidence,
            model=model,
        )
        lists = marker_lists(_text_table(markers), "the marker table")
        frame, *_ = annotate_lists(lists, options)
    return frame


def _text_table(markers: pd.DataFrame | Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The table with text in all cells, as a file would give it."""
    import pandas as pd

    if isinstance(markers, pd.DataFrame):
        text = markers.apply(lambda column: column.astype(object).map(str, na_action="ignore"))
        return text.reset_index(drop=True)
    joined = [genes if isinstance(genes, str) else ",".join(genes) for genes in markers.values()]
    return pd.DataFrame({"cluster": list(map(str, markers)), "markers": joined}, dtype=object)
