"""What objectives on labelled tables share: columns, splits, batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...errors import InputError, UsageError
from ..data.labelled_dataset import LabelledDataset
from ..data.sources import file_sha256
from ..data.tables import LabelledRows, read_labelled
from .batches import IGNORED, collate_rows
from .language import vocabulary_options
from .objective import Datasets
from .settings import DataSettings, check_fraction
from .token_losses import num_predicted

if TYPE_CHECKING:
    from torch import Tensor

    from ...tokenizers import BioTokenizer


@dataclass(frozen=True, kw_only=True)
class LabelledSettings:
    """Keys of all objectives on labelled tables.

    Parameters
    ----------
    sequence
        Column of sequences; None: found by its name.
    label
        Column of labels, or a list of columns; None: found by its name, or the only other one. In
        FASTA: NAME of `NAME=` in the header; None: what follows the last `|`.
    split
        Column that says train, validation or test; test rows are left alone.
    validation_fraction
        Without that and without a file for validation: part of the training rows, by chance.
        Equal sequences are on one side.
    split_seed
        Seed of that chance; it is not the run's, so that runs share their split.
    truncation
        What to do with sequences longer than the run's length.
    reverse_complement
        Probability of reading the other strand while training; fit for labels that both strands
        have.
    """

    sequence: str | None = None
    label: str | tuple[str, ...] | None = None
    split: str | None = None
    validation_fraction: float = 0.1
    split_seed: int = 0
    truncation: Literal["error", "left", "right"] = "error"
    reverse_complement: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("reverse_complement", self.reverse_complement)
        check_fraction("validation_fraction", self.validation_fraction)
        if self.validation_fraction == 1:
            raise UsageError(
                "validation_fraction = 1 leaves nothing to train on.",
                where="[objective], key validation_fraction",
                fix="Give less; 0.1 is usual.",
            )

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns of labels that were named."""
        return (self.label,) if isinstance(self.label, str) else self.label


class LabelledObjective:
    """Base of the objectives on labelled tables.

    A subclass turns the texts of labels into arrays, with what it learns from the training rows.
    """

    per_token: ClassVar[bool] = False

    def __init__(self, settings: Any, data: DataSettings) -> None:
        self.settings = settings
        self.data = data
        self._fills = {"labels": IGNORED, "input_ids": 0}
        self._kept: tuple[LabelledRows, LabelledRows | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Workers collate; they have no use for the table.
        return self.__dict__ | {"_kept": None}

    def datasets(self, tokenizer: BioTokenizer, length: int, seed: int) -> Datasets:
        """Training and validation rows.

        Raises
        ------
        InputError
            If the table cannot be read, has no such columns, or labels are not as they should be.
        UsageError
            If the settings do not fit the tokenizer or the table.
        """
        self._fills["input_ids"] = tokenizer.pad_id
        if self.settings.reverse_complement and not tokenizer.vocabulary.complement:
            raise UsageError(
                f"The tokenizer {tokenizer.name!r} has no complements.",
                where="[objective], key reverse_complement",
                fix="Leave it out, or set it to 0.",
            )
        train, validation = self.rows()
        return Datasets(
            self._dataset(train, tokenizer, length, seed, train=True),
            None
            if validation is None
            else self._dataset(validation, tokenizer, length, seed, train=False),
        )

    def rows(self) -> tuple[LabelledRows, LabelledRows | None]:
        """The training rows and those for validation, read once."""
        if self._kept is None:
            self._kept = self._split()
        return self._kept

    def collate(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples as one batch, filled up on the right."""
        import torch

        if self.per_token:
            return collate_rows(examples, self._fills)
        batch = collate_rows([{"input_ids": one["input_ids"]} for one in examples], self._fills)
        batch["labels"] = torch.from_numpy(np.stack([one["labels"] for one in examples]))
        return batch

    def weight(self, batch: Mapping[str, Tensor]) -> int:
        """How many labels a batch predicts, without the model."""
        labels = batch["labels"]
        if labels.is_floating_point():
            return int((~labels.isnan()).sum())
        return num_predicted(labels)

    def model_options(self, tokenizer: BioTokenizer) -> dict[str, Any]:
        """Size and special tokens of the vocabulary, and what the labels are."""
        self._fills["input_ids"] = tokenizer.pad_id
        return vocabulary_options(tokenizer.vocabulary) | self.label_options()

    def data_tokenizer(self) -> None:
        """None: a table says nothing of tokens."""
        return

    def manifest(self) -> dict[str, Any]:
        """Checksums of the tables, numbers of rows, and what the labels are."""
        train, validation = self.rows()
        found: dict[str, Any] = {"labels": self.label_options()}
        for split, rows in (("train", train), ("validation", validation)):
            if rows is not None:
                found[split] = {
                    "path": str(rows.path),
                    "sha256": file_sha256(rows.path),
                    "rows": len(rows),
                }
        return found

    def label_options(self) -> dict[str, Any]:
        """What the configuration says of the labels, learnt from the training rows."""
        raise NotImplementedError

    def encode_labels(self, rows: LabelledRows) -> list[np.ndarray]:
        """The labels of rows as arrays."""
        raise NotImplementedError

    def _dataset(
        self, rows: LabelledRows, tokenizer: BioTokenizer, length: int, seed: int, *, train: bool
    ) -> LabelledDataset:
        return LabelledDataset(
            rows,
            self.encode_labels(rows),
            tokenizer,
            length,
            seed,
            shuffle=train,
            truncation=self.settings.truncation,
            reverse_complement=self.settings.reverse_complement,
            per_token=self.per_token,
        )

    def _split(self) -> tuple[LabelledRows, LabelledRows | None]:
        settings = self.settings
        rows = self._read(self.data.train)
        if self.data.validation is not None:
            kept = rows.take(_where(rows, "train")) if settings.split else rows
            other = self._read(self.data.validation, kept.columns)
            other = other.take(_where(other, "validation")) if settings.split else other
            return _some(kept, "train"), _some(other, "validation")
        if settings.split:
            train = _some(rows.take(_where(rows, "train")), "train")
            validation = rows.take(_where(rows, "validation"))
            return train, validation if len(validation) else None
        held = held_out(rows.sequences, settings.validation_fraction, settings.split_seed)
        if not held.any():
            return rows, None
        train = rows.take(np.flatnonzero(~held).tolist())
        return _some(train, "train"), rows.take(np.flatnonzero(held).tolist())

    def _read(self, path: str, columns: tuple[str, ...] | None = None) -> LabelledRows:
        settings = self.settings
        return read_labelled(
            path,
            sequence=settings.sequence,
            labels=settings.columns or (columns if columns != ("label",) else None),
            split=settings.split,
        )


def _where(rows: LabelledRows, split: str) -> list[int]:
    return [number for number, found in enumerate(rows.splits or ()) if found == split]


def _some(rows: LabelledRows, split: str) -> LabelledRows:
    if not len(rows):
        raise InputError(
            f"There is no row for {split}.",
            where=str(rows.path),
            fix="Check the column of splits, or give the splits as files of their own.",
        )
    return rows


def held_out(owners: Sequence[str], fraction: float, seed: int) -> np.ndarray:
    """True for the rows of validation: those of a part of the different owners.

    Parameters
    ----------
    owners
        What a row belongs to and is held out with: its sequence, its donor.
    fraction
        Part of the owners; above 0, one at least, and never all.
    seed
        Seed of the choice.

    Examples
    --------
    >>> held = held_out(["a", "b", "a", "b"], 0.5, seed=0)
    >>> held.tolist() in ([True, False, True, False], [False, True, False, True])
    True
    """
    _, owner = np.unique(np.array(owners, dtype=object), return_inverse=True)
    count = int(owner.max()) + 1
    order = np.random.default_rng(seed).permutation(count)
    size = min(max(round(count * fraction), int(fraction > 0)), count - 1)
    return np.isin(owner, order[:size])
