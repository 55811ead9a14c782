"""Fine-tuning the cell tower on labels of a file of cells (LangCell-CE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from biosequence.errors import UsageError
from biosequence.training.data.sources import file_sha256
from biosequence.training.objectives import (
    Datasets,
    DataSettings,
    Losses,
    collate_rows,
    model_inputs,
)
from biosequence.training.objectives.classification import class_options, classes
from biosequence.training.objectives.labelled import held_out
from biosequence.training.objectives.objective import Head
from biosequence.training.objectives.settings import check_fraction
from biosequence.training.objectives.token_losses import token_losses

from ..auto import register
from ..processing_langcell import LangCellProcessor
from .encoding import Reading
from .labelled_cells import CellLabels, LabelledCells, read_cell_labels, split_classes

if TYPE_CHECKING:
    from ..modeling_langcell import LangCellForSequenceClassification

register()


@dataclass(frozen=True, kw_only=True)
class CellLabelSettings:
    """Keys of objectives that learn labels of cells.

    Parameters
    ----------
    label
        Column of the table of cells with the labels; cells without one are left out.
    min_cells
        Labels of fewer training cells are left out, with a warning.
    group
        Column whose values (donors, samples) go to one side of the split whole.
    validation_fraction
        Without a file for validation: part of the cells, or of the groups, held out by chance.
    split_seed
        Seed of that chance; it is not the run's, so that runs share their split.
    layer, gene_key, organism
        Which matrix and genes are read; by default found out.
    """

    label: str
    min_cells: int = 10
    group: str | None = None
    validation_fraction: float = 0.1
    split_seed: int = 0
    layer: str = "auto"
    gene_key: str | None = None
    organism: str = "auto"

    def __post_init__(self) -> None:
        check_fraction("validation_fraction", self.validation_fraction)
        if self.validation_fraction == 1:
            raise UsageError(
                "validation_fraction = 1 leaves nothing to train on.",
                where="[objective], key validation_fraction",
                fix="Give less; 0.1 is usual.",
            )


@dataclass(frozen=True, kw_only=True)
class CellClassificationSettings(CellLabelSettings):
    """Keys of `cell-classification`.

    Parameters
    ----------
    trained
        All weights, or the classifier alone where labels are few.
    """

    trained: Literal["all", "classifier"] = "all"


class CellClassification:
    """Cross-entropy of the labels of cells; also logged: accuracy.

    Classes are those of the training cells, in the order of numbers or letters, and go into the
    model's configuration.

    Parameters
    ----------
    settings
        Its keys.
    data
        Files of cells.
    """

    name: ClassVar[str] = "cell-classification"
    head: ClassVar[Head] = "sequence-classification"
    Settings: ClassVar[type] = CellClassificationSettings

    def __init__(self, settings: CellClassificationSettings, data: DataSettings) -> None:
        self.settings = settings
        self.data = data
        self._pad = 0
        self._kept: tuple[CellLabels, CellLabels | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Workers collate; they have no use for the tables.
        return self.__dict__ | {"_kept": None}

    def datasets(self, tokenizer: LangCellProcessor, length: int, seed: int) -> Datasets:
        """Training and validation cells, each its strongest `length` genes, ``<cls>`` included.

        Raises
        ------
        InputError
            If a file cannot be read, or has no such column.
        """
        self._pad = tokenizer.genes.pad_id
        train, validation = self.cells()
        made = [
            None
            if cells is None
            else LabelledCells(
                cells,
                self.label_options()["label2id"],
                tokenizer.genes,
                self._reading(),
                length,
                seed,
                shuffle=cells is train,
            )
            for cells in (train, validation)
        ]
        return Datasets(*made)

    def cells(self) -> tuple[CellLabels, CellLabels | None]:
        """The training cells and those for validation, by their labels; read once."""
        if self._kept is None:
            self._kept = self._split()
        return self._kept

    def collate(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples as one batch, filled up on the right."""
        rows = [{"input_ids": one["input_ids"]} for one in examples]
        batch = collate_rows(rows, {"input_ids": self._pad})
        return batch | {"labels": torch.tensor([one["labels"] for one in examples])}

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean over cells."""
        logits = model(**model_inputs(model, batch)).logits
        found = token_losses(logits, batch["labels"])
        right = (logits.detach().argmax(-1) == batch["labels"]).float().mean()
        return Losses(found.total, {"accuracy": right}, found.weight)

    def model_options(self, tokenizer: LangCellProcessor) -> dict[str, Any]:
        """Size of the vocabulary, and the classes."""
        genes = tokenizer.genes
        part = {"vocab_size": len(genes), "pad_token_id": genes.pad_id}
        return {"cell_config": part} | self.label_options()

    def label_options(self) -> dict[str, Any]:
        """Number and names of the classes."""
        train, _ = self.cells()
        return class_options(classes(train.labels)) | {
            "problem_type": "single_label_classification"
        }

    def data_tokenizer(self) -> None:
        """None: a file of cells says nothing of tokens."""
        return

    def open_tokenizer(self, folder: str | Path) -> LangCellProcessor:
        """The processor in the folder of a trained model."""
        return LangCellProcessor.load(folder)

    def prepare_model(
        self, model: LangCellForSequenceClassification, tokenizer: LangCellProcessor
    ) -> None:
        """Freeze all but the classifier where that alone is to be trained."""
        if self.settings.trained == "classifier":
            model.requires_grad_(False)
            model.classifier.requires_grad_(True)

    def manifest(self) -> dict[str, Any]:
        """Checksums of the files, numbers of cells, and the classes."""
        found: dict[str, Any] = {"labels": self.label_options()}
        for split, cells in zip(("train", "validation"), self.cells(), strict=True):
            if cells is not None:
                found[split] = {"path": cells.path, "cells": len(cells)}
                # A folder of 10x files or a zarr store has no one checksum.
                if Path(cells.path).is_file():
                    found[split]["sha256"] = file_sha256(cells.path)
        return found

    def _reading(self) -> Reading:
        settings = self.settings
        return Reading(settings.layer, settings.gene_key, settings.organism)

    def _split(self) -> tuple[CellLabels, CellLabels | None]:
        settings = self.settings
        train = read_cell_labels(self.data.train, settings.label, settings.group)
        if self.data.validation is not None:
            return split_classes(
                train,
                read_cell_labels(self.data.validation, settings.label, None),
                settings.min_cells,
            )
        held = held_out(train.owners, settings.validation_fraction, settings.split_seed)
        validation = train.take(held) if held.any() else None
        return split_classes(train.take(~held), validation, settings.min_cells)
