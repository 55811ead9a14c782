"""Cells named after a few that have labels, on AnnData."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError, UsageError

from .calling import python_words, written_object
from .finding import given_points, langcell_cells, least_of

if TYPE_CHECKING:
    from anndata import AnnData

# Shapes: B cells, K examples, N labels, P width of the space that cells and texts share.


def few_shot(
    adata: AnnData,
    label_key: str,
    n_per_class: int = 5,
    *,
    model: str | Path | None = None,
    text_share: float = 0.5,
    use_rep: str | None = None,
    organism: str = "auto",
    layer: str = "auto",
    gene_key: str | None = None,
    device: str = "auto",
    batch_size: int = 4096,
    seed: int = 0,
    key_added: str = "bioseq_few_shot",
    copy: bool = False,
) -> AnnData | None:
    """One of your own labels for every cell, after a few cells that have one.

    Nothing is trained: a LangCell model puts each label between its text and the middle of its
    example cells, and each cell to the nearest. To train on the examples instead, see
    `cellmodels.models.langcell.training.train_few_shot`.

    Parameters
    ----------
    adata
        Cells by genes, in memory or backed; it is changed in place.
    label_key
        obs column in which some cells have a label and others none.
    n_per_class
        How many labelled cells of each label are examples.
    model
        Folder of a LangCell model.
    text_share
        What the text of a label counts beside its examples: 1 for the texts alone, 0 for the
        examples alone. Half each is no tuned value.
    use_rep
        Name in `obsm` of an embedding that `embed` made with the same model; None makes one.
    organism, layer, gene_key, device, batch_size
        As in `annotate`.
    seed
        Which labelled cells are examples, where there are more.
    key_added
        What the names of all results start with.
    copy
        Change and return a copy instead; of a backed object, a copy in memory.

    Returns
    -------
    The copy with ``copy=True``, otherwise None. These are set, and replaced by a second call:

    ``adata.obs["bioseq_few_shot"]``
        The label, categorical; none where no gene of a cell is known.
    ``adata.obs["bioseq_few_shot_score"]``
        Softmax over the labels, float32. It is not calibrated: do not report it as a confidence.
    ``adata.obs["bioseq_few_shot_example"]``
        True for the examples. Leave these cells out when you measure.

    Raises
    ------
    InputError
        If the cells cannot be used, there is no such column, or it has fewer than two labels.
    UsageError
        If an option makes no sense.
    ModelError
        If no model is given, or it cannot be read.

    Examples
    --------
    Five labelled cells of each type name the rest::

        cm.tl.few_shot(adata, "my_labels", 5, model="langcell")
        sc.pl.umap(adata, color="bioseq_few_shot")
    """
    import pandas as pd

    from .models.langcell.few_shot import class_probabilities, few_examples, prototypes
    from .models.langcell.training.texts import label_column
    from .models.langcell.wording import text_of_words
    from .models.langcell.zero_shot import ZeroShot
    from .writing import annotate_memory

    least_of(n_per_class, 1, "n_per_class")
    if not 0 <= text_share <= 1:
        raise UsageError(
            f"text_share is a share, not {text_share}.",
            where="text_share",
            fix="Give a number from 0 to 1.",
        )
    with python_words():
        written = written_object(adata, copy)
        labels_B = np.array(label_column(written.obs, label_key), dtype=object)
        classes = sorted(set(labels_B.tolist()) - {""})
        if len(classes) < 2:
            raise InputError(
                f"The column {label_key!r} has fewer than two labels.",
                where="obs",
                fix="Label some cells of two types at least.",
            )
        texts = [text_of_words(label) for label in classes]
        reading = {"organism": organism, "layer": layer, "gene_key": gene_key}
        with langcell_cells(written, model, reading, batch_size) as (folder, processor, cells):
            zero_shot = ZeroShot(folder.model(), processor, texts, device=device)
            embedding_BP = given_points(written, use_rep, zero_shot)
            if embedding_BP is None:
                embedding_BP = cells.embed(zero_shot)
        known_B = embedding_BP.any(axis=1)
        examples_K = few_examples(np.where(known_B, labels_B, ""), n_per_class, seed)
        prototype_NP = prototypes(
            zero_shot.text_embedding_NP.cpu().numpy(),
            embedding_BP[examples_K],
            np.searchsorted(classes, labels_B[examples_K].astype(str)),
            text_share,
        )
        temperature = float(zero_shot.model.temperature)
        p_BN = class_probabilities(embedding_BP, prototype_NP, temperature)
        codes_B = np.where(known_B, p_BN.argmax(axis=1), -1)
        found = {
            key_added: pd.Categorical.from_codes(codes_B, classes),
            f"{key_added}_score": np.where(known_B, p_BN.max(axis=1), np.nan).astype(np.float32),
            f"{key_added}_example": np.isin(np.arange(len(labels_B)), examples_K),
        }
        annotate_memory(written, obs=found, obsm={}, uns={})
    return written if copy else None
