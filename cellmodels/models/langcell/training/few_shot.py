"""A LangCell model that has seen a few labelled cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError, UsageError
from cellmodels.stream import open_cells

from ..few_shot import few_examples
from ..folder import LangCellFolder
from .encoding import Reading, encoded_cells
from .texts import label_column

if TYPE_CHECKING:
    from anndata import AnnData

# As published: Adam over ten epochs, twelve cells a step.
EPOCHS = 10
BATCH = 12
LEARNING_RATE = 1e-5


def train_few_shot(
    adata: AnnData,
    label_key: str,
    n_per_class: int,
    model: str | Path,
    output: str | Path,
    *,
    steps: int | None = None,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    device: str = "auto",
) -> Path:
    """Train both towers on a few cells of each label; the folder of the new model.

    The losses are those of few-shot learning in the LangCell repository (Zhao et al. 2024), see
    `CellIdentification`; so are Adam without weight decay, the constant rate of 1e-5, twelve cells
    a step and ten passes over the cells. There, the first cells of each label come of a shuffled
    data set, here of a seeded order, which is another one.

    Parameters
    ----------
    adata
        Cells with counts or logarithms.
    label_key
        obs column with the labels; cells without one are left out.
    n_per_class
        How many cells of each label are trained on.
    model
        Folder of a LangCell model.
    output
        A new or empty folder for the run; ``examples.h5ad`` there holds the cells.
    steps
        Updates; None for ten passes over the cells.
    learning_rate
        Constant.
    seed
        Which cells are taken, and in which order.
    device
        ``"auto"`` or a torch device.

    Returns
    -------
    A folder that `annotate`, `embed` and `retrieve` take for `model`. A calibration of the old
    model does not hold for it and is not there.

    Raises
    ------
    InputError
        If the cells cannot be used, there is no such column, it has fewer than two labels, or the
        folder is not empty.
    ModelError
        If the model cannot be read.

    Examples
    --------
    Five cells of each type, then all the others::

        folder = train_few_shot(adata, "cell_type", 5, "langcell", "few")
        cm.tl.annotate(adata, model=folder, candidates=["B cell", "T cell", "monocyte"])
    """
    from biosequence.training import recipe_from_values, train
    from cellmodels.models import register_objectives

    if n_per_class < 1:
        raise UsageError(
            f"n_per_class must be at least 1, not {n_per_class}.",
            where="n_per_class",
            fix="Give some cells of each label.",
        )
    folder = LangCellFolder.open(model)
    labels = np.array(label_column(adata.obs, label_key), dtype=object)
    rows = few_examples(labels, n_per_class, seed)
    if len(set(labels[rows])) < 2:
        raise InputError(
            f"The column {label_key!r} has fewer than two labels.",
            where="obs",
            fix="Label some cells of two types at least.",
        )
    output = Path(output)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(
            "The run needs a new or empty folder.",
            where=str(output),
            fix="Name another folder for it.",
        )
    genes = folder.processor().genes
    examples = _examples(adata, rows, label_key)
    with open_cells(examples) as source:
        # What cannot be read is to fail before anything is written.
        for _ in encoded_cells(source, genes, Reading()):
            pass
    output.mkdir(parents=True, exist_ok=True)
    examples.write_h5ad(output / "examples.h5ad")
    register_objectives()
    batch = min(BATCH, len(rows))
    values = {
        "seed": seed,
        "output": str(output / "run"),
        "model": {"pretrained": str(folder.path)},
        "data": {"train": str(output / "examples.h5ad")},
        "objective": {
            "name": "cell-identification",
            "label": label_key,
            "min_cells": 1,
            "validation_fraction": 0.0,
        },
        "optimizer": {
            "learning_rate": learning_rate,
            "weight_decay": 0.0,
            "betas": [0.9, 0.999],
        },
        "schedule": {"name": "constant"},
        "run": {
            "steps": steps or -(-EPOCHS * len(rows) // batch),
            "batch_size": batch,
            "length": genes.max_length,
            "device": device,
        },
    }
    return train(recipe_from_values(values)).output / "model"


def _examples(adata: AnnData, rows: np.ndarray, label_key: str) -> AnnData:
    """The cells alone: what else lies in an object may be large, and cannot always be written."""
    examples = adata[rows].to_memory()
    examples.obs = examples.obs[[label_key]].copy()
    for part in (examples.obsm, examples.obsp, examples.varm, examples.varp, examples.uns):
        part.clear()
    return examples
