"""Rows of different length as one rectangle, with a mask that tells tokens from padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..errors import InputError, UsageError

Side = Literal["left", "right"]
Tensors = Literal["numpy", "torch"]
Truncation = Literal["error", "left", "right"]


def pad_rows(
    rows: Sequence[np.ndarray],
    pad_id: int,
    *,
    side: Side = "right",
    length: int | None = None,
    multiple_of: int = 1,
    tensors: Tensors = "numpy",
) -> dict[str, Any]:
    """Rows of ids as `input_ids` and `attention_mask`, int64 of shape (rows, length).

    Parameters
    ----------
    rows
        Ids of each sequence.
    pad_id
        Id that fills up.
    side
        Where to fill up.
    length
        Length of every row; default: that of the longest.
    multiple_of
        Round the length up to a multiple of this.
    tensors
        What to give back.

    Raises
    ------
    InputError
        If there is no row, or a row is longer than `length`.

    Examples
    --------
    >>> found = pad_rows([np.array([7, 8]), np.array([9])], 4, side="left")
    >>> found["input_ids"].tolist(), found["attention_mask"].tolist()
    ([[7, 8], [4, 9]], [[1, 1], [0, 1]])
    """
    check_choice("side", side, ("left", "right"))
    check_choice("tensors", tensors, ("numpy", "torch"))
    if not len(rows):
        raise InputError(
            "There is nothing to pad: the batch is empty.",
            where="batch of 0 sequences",
            fix="Give at least one sequence.",
        )
    longest = max(len(row) for row in rows)
    width = longest if length is None else length
    if longest > width:
        raise too_long(longest, width)
    width = -(-width // multiple_of) * multiple_of
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for number, row in enumerate(rows):
        start = width - len(row) if side == "left" else 0
        ids[number, start : start + len(row)] = row
        mask[number, start : start + len(row)] = 1
    found = {"input_ids": ids, "attention_mask": mask}
    return found if tensors == "numpy" else {name: as_torch(x) for name, x in found.items()}


def cut(ids: np.ndarray, length: int, truncation: Truncation, name: str = "") -> np.ndarray:
    """At most `length` ids; `truncation` says which end to cut off, or that it is an error.

    Raises
    ------
    InputError
        If the ids are too many and `truncation` is "error".

    Examples
    --------
    >>> cut(np.array([1, 2, 3]), 2, "left").tolist()
    [2, 3]
    """
    check_choice("truncation", truncation, ("error", "left", "right"))
    if len(ids) <= length:
        return ids
    if truncation == "error":
        raise too_long(len(ids), length, name)
    return ids[len(ids) - length :] if truncation == "left" else ids[:length]


def too_long(found: int, allowed: int, name: str = "") -> InputError:
    """The error for a sequence with more tokens than there may be."""
    return InputError(
        f"A sequence has {found:,} tokens and only {allowed:,} are allowed.",
        where=f"sequence {name!r}" if name else "",
        fix='Split it, or give truncation="left" or "right" to cut it off at that end.',
    )


def check_choice(option: str, given: object, allowed: Sequence[object]) -> None:
    """Refuse a value that an option does not have.

    Raises
    ------
    UsageError
        If `given` is not among `allowed`.
    """
    if given not in allowed:
        raise UsageError(
            f"{option}={given!r} is not possible.",
            where=f"option {option}",
            fix=f"Give one of {', '.join(map(repr, allowed))}.",
        )


def as_torch(array: np.ndarray) -> Any:
    """The array as a torch tensor of its own memory."""
    import torch

    return torch.from_numpy(np.array(array))
