"""Cells of a file with a label each: which ones, and as examples."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from biosequence.errors import InputError
from biosequence.training.data import EpochDataset
from biosequence.training.data.epochs import bucketed_order
from cellmodels.stream import open_cells

from .encoding import EncodedCells, Reading
from .texts import label_column

if TYPE_CHECKING:
    from cellmodels.tokenizers import GeneRankTokenizer


@dataclass(frozen=True)
class CellLabels:
    """Labelled cells of a file.

    Parameters
    ----------
    path
        The file.
    rows
        Their numbers in the file, int64 of shape (cells,).
    labels
        Of each, text.
    owners
        Of each what it is split by: its group, or itself.
    """

    path: str
    rows: np.ndarray
    labels: np.ndarray
    owners: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: np.ndarray) -> CellLabels:
        """Some of the cells, by numbers or truth values."""
        return CellLabels(self.path, self.rows[kept], self.labels[kept], self.owners[kept])


def read_cell_labels(path: str, label: str, group: str | None) -> CellLabels:
    """The cells of a file that have a label.

    Parameters
    ----------
    path
        A file of cells.
    label, group
        Columns of the table of cells; no group: each cell is its own.

    Raises
    ------
    InputError
        If the file cannot be read, has no such column, or no cell has a label.
    """
    with open_cells(path) as source:
        labels = np.array(label_column(source.obs, label), dtype=object)
        owners = np.array(
            [str(number) for number in range(len(labels))]
            if group is None
            else label_column(source.obs, group),
            dtype=object,
        )
    rows = np.flatnonzero(labels != "")
    if not len(rows):
        raise InputError(
            f"No cell has a label in the column {label!r}.",
            where=path,
            fix="Name the column of labels: --label-key NAME.",
        )
    return CellLabels(path, rows, labels[rows], owners[rows])


def split_classes(
    train: CellLabels, validation: CellLabels | None, min_cells: int
) -> tuple[CellLabels, CellLabels | None]:
    """Both sides of a split without the labels that have too few training cells.

    Parameters
    ----------
    train, validation
        Both sides; labels that only the second has are left out of it, too.
    min_cells
        Least training cells of a label.

    Raises
    ------
    InputError
        If fewer than two labels are left.
    """
    counts = Counter(train.labels)
    rare = sorted(label for label, count in counts.items() if count < min_cells)
    known = counts.keys() - set(rare)
    if len(known) < 2:
        raise InputError(
            f"Only {len(known)} label has {min_cells} training cells or more, and two are needed.",
            where=train.path,
            fix="Set objective.min_cells lower, or give more cells.",
        )
    if rare:
        warnings.warn(
            f"Labels of fewer than {min_cells} training cells are left out: {_shown(rare)}.",
            stacklevel=2,
        )
    kept = train.take(np.isin(train.labels, list(known)))
    if validation is None:
        return kept, None
    unseen = sorted(set(validation.labels) - counts.keys())
    if unseen:
        warnings.warn(
            f"Labels that no training cell has are left out: {_shown(unseen)}.", stacklevel=2
        )
    watched = validation.take(np.isin(validation.labels, list(known)))
    return kept, watched if len(watched) else None


def _shown(labels: list[str]) -> str:
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    return ", ".join(map(repr, labels[:10])) + more


class LabelledCells(EpochDataset):
    """One cell an example: its strongest genes and the number of its class.

    Parameters
    ----------
    cells
        Which cells; those without a known gene are left out.
    numbers
        Number of each class.
    genes, reading
        How the file is read; its cells are held in memory, two bytes a gene.
    length, seed, shuffle
        As in :class:`~biosequence.training.data.EpochDataset`; in training, cells of like length
        follow one another.

    Raises
    ------
    InputError
        If the file cannot be read, or no cell is left.
    """

    def __init__(
        self,
        cells: CellLabels,
        numbers: Mapping[str, int],
        genes: GeneRankTokenizer,
        reading: Reading,
        length: int,
        seed: int,
        *,
        shuffle: bool,
    ) -> None:
        super().__init__(length, seed, shuffle=shuffle)
        with open_cells(cells.path) as source:
            kept = np.zeros(source.n_obs, dtype=bool)
            kept[cells.rows] = True
            self.documents = EncodedCells(source, genes, reading, kept)
        places = np.searchsorted(cells.rows, self.documents.rows)
        self._labels = np.array([numbers[label] for label in cells.labels[places]])

    def __len__(self) -> int:
        return len(self.documents)

    def _example(self, number: int, chance: np.random.Generator) -> dict[str, Any]:
        ids = self.documents[number][: self.length].astype(np.int64)
        return {"input_ids": ids, "labels": int(self._labels[number])}

    def _new_order(self, chance: np.random.Generator) -> np.ndarray:
        return bucketed_order(np.minimum(self.documents.lengths, self.length), chance)
