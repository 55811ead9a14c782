"""Cells that a text describes, on AnnData."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError, ModelError, UsageError

from .calling import python_words, written_object

if TYPE_CHECKING:
    from anndata import AnnData

    from .models.langcell.encoding import RankedCells
    from .models.langcell.folder import LangCellFolder
    from .models.langcell.processing_langcell import LangCellProcessor
    from .models.langcell.retrieval import Ranking
    from .models.langcell.zero_shot import ZeroShot

# Shapes: B cells, P width of the space that cells and texts share.


def retrieve(
    query: str | Sequence[str],
    adata: AnnData,
    *,
    model: str | Path | None = None,
    top: int = 100,
    rerank: int = 50,
    use_rep: str | None = None,
    organism: str = "auto",
    layer: str = "auto",
    gene_key: str | None = None,
    device: str = "auto",
    batch_size: int = 4096,
    key_added: str = "bioseq_retrieved",
    copy: bool = False,
) -> AnnData | None:
    """The cells that a text describes, found by a LangCell model.

    Cells are ranked by how similar they are to the text, and the best of them once more by how
    well text and cell match. The network is not used.

    Parameters
    ----------
    query
        Which cells, in plain words; a name or id of the Cell Ontology stands for its description.
        A list asks several questions, and the cells are read once for all.
    adata
        Cells by genes, in memory or backed; it is changed in place.
    model
        Folder of a LangCell model.
    top
        How many of the best cells are marked as found.
    rerank
        How many of the best cells are matched and put in order again; below 2 none is. Where there
        are fewer cells, all are.
    use_rep
        Name in `obsm` of an embedding that `embed` made with the same model; None makes one.
    organism, layer, gene_key, device, batch_size
        As in `annotate`.
    key_added
        What the names of all results start with.
    copy
        Change and return a copy instead; of a backed object, a copy in memory.

    Returns
    -------
    The copy with ``copy=True``, otherwise None. These are set, and replaced by a second call; with
    a list, the first query has ``bioseq_retrieved_1``, and so on:

    ``adata.obs["bioseq_retrieved"]``
        True for the `top` best cells.
    ``adata.obs["bioseq_retrieved_score"]``
        Cosine of text and cell, less what matching doubts (temperature x log probability of a
        match); float32. It compares cells for one text. NaN where no gene of a cell is known.
    ``adata.obs["bioseq_retrieved_rank"]``
        1 for the best cell.
    ``adata.uns["bioseq_retrieved"]``
        ``queries``, and ``texts``: what the model read for them.

    Raises
    ------
    InputError
        If the cells cannot be used, or `adata` is a view.
    UsageError
        If a query is empty, or an option makes no sense.
    ModelError
        If no model is given, or it cannot be read.

    Examples
    --------
    Which cells they are, and where they lie on a map::

        cm.tl.retrieve("cytotoxic lymphocytes in tumour", adata, model="langcell")
        sc.pl.umap(adata, color="bioseq_retrieved_score")
    """
    from .models.langcell.wording import text_of_words
    from .writing import annotate_memory

    queries = [query] if isinstance(query, str) else list(query)
    if not queries:
        raise UsageError("There is no query.", where="query", fix="Say which cells you mean.")
    least_of(top, 1, "top")
    least_of(rerank, 0, "rerank")
    with python_words():
        texts = [text_of_words(words) for words in queries]
        written = written_object(adata, copy)
        reading = {"organism": organism, "layer": layer, "gene_key": gene_key}
        with langcell_cells(written, model, reading, batch_size) as opened:
            rankings = _rankings(*opened, texts, rerank, written, use_rep, device)
        names = [key_added]
        if not isinstance(query, str):
            names = [f"{key_added}_{number}" for number in range(1, len(queries) + 1)]
        obs: dict[str, np.ndarray | None] = dict.fromkeys(_earlier(written, key_added))
        for name, ranking in zip(names, rankings, strict=True):
            obs[name] = ranking.rank_B <= top
            obs[f"{name}_score"] = ranking.score_B
            obs[f"{name}_rank"] = ranking.rank_B
        said = {"queries": np.array(queries), "texts": np.array(texts)}
        annotate_memory(written, obs=obs, obsm={}, uns={key_added: said})
    return written if copy else None


def _rankings(
    folder: LangCellFolder,
    processor: LangCellProcessor,
    cells: RankedCells,
    texts: Sequence[str],
    rerank: int,
    adata: AnnData,
    use_rep: str | None,
    device: str,
) -> list[Ranking]:
    from .models.langcell.retrieval import rank_for_text
    from .models.langcell.zero_shot import ZeroShot

    model = folder.model()
    given = {"settings": folder.settings, "device": device}
    asked = [ZeroShot(model, processor, [text], **given) for text in texts]
    embedding_BP = given_points(adata, use_rep, asked[0])
    if embedding_BP is None:
        embedding_BP = cells.embed(asked[0])
    return [rank_for_text(one, embedding_BP, cells.rows, rerank=rerank) for one in asked]


def _earlier(adata: AnnData, key: str) -> list[str]:
    """Columns of an earlier call, which may have had more queries."""
    count = len(adata.uns.get(key, {}).get("queries", ()))
    names = [key, *[f"{key}_{number}" for number in range(1, count + 1)]]
    return [f"{name}{end}" for name in names for end in ("", "_score", "_rank")] if count else []


@contextmanager
def langcell_cells(
    adata: AnnData,
    model: str | Path | None,
    reading: Mapping[str, str | None],
    batch_size: int,
) -> Iterator[tuple[LangCellFolder, LangCellProcessor, RankedCells]]:
    """A model's folder, its tokenizers, and the open cells as it reads them.

    Raises
    ------
    ModelError
        If no model is given, or the folder holds none.
    InputError
        If the cells cannot be used.
    """
    from .inputs import check_input
    from .models.langcell.encoding import RankedCells
    from .models.langcell.folder import LangCellFolder
    from .stream import open_cells

    least_of(batch_size, 1, "batch_size")
    if model is None:
        raise ModelError(
            "This version comes without a LangCell model.",
            where="model",
            fix="Give model=FOLDER: one that `bioseq train` or `bioseq convert` wrote.",
        )
    folder = LangCellFolder.open(model)
    processor = folder.processor()
    with open_cells(adata) as source:
        check = check_input(source, **reading)
        yield folder, processor, RankedCells(source, check, processor.genes, batch_size)


def given_points(adata: AnnData, use_rep: str | None, model: ZeroShot) -> np.ndarray | None:
    """The embedding of that name, float32 (B, P); None where none is named.

    Raises
    ------
    InputError
        If there is no such embedding, or the model's have another width.
    """
    if use_rep is None:
        return None
    if use_rep not in adata.obsm:
        raise InputError(
            f"There is no embedding {use_rep!r}.",
            where="obsm",
            fix=f"It has: {', '.join(adata.obsm) or 'none'}.",
        )
    embedding_BP = np.asarray(adata.obsm[use_rep], dtype=np.float32)
    width = model.model.config.projection_dim
    if embedding_BP.shape[1] != width:
        raise InputError(
            f"The embedding has {embedding_BP.shape[1]:,} columns and the model {width:,}.",
            where=f"obsm, {use_rep!r}",
            fix="Make it with this model: cm.tl.embed(adata, model=...); or leave use_rep out.",
        )
    return embedding_BP


def least_of(value: int, least: int, name: str) -> None:
    """Refuse numbers below `least`.

    Raises
    ------
    UsageError
        If it is below.
    """
    if value < least:
        raise UsageError(
            f"{name} must be at least {least}, not {value}.", where=name, fix="Leave it out."
        )
