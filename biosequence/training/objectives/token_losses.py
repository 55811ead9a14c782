"""Cross-entropy of tokens, as a mean over what is predicted, and of its parts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from .batches import IGNORED
from .objective import Losses


def token_losses(
    logits: Tensor, labels: Tensor, parts: Mapping[str, Tensor] | None = None
) -> Losses:
    """The mean cross-entropy over all labels that are not -100.

    Parameters
    ----------
    logits
        Scores, of shape (..., classes).
    labels
        Of shape (...).
    parts
        For each part, where it is: booleans of shape (...). Labels outside all parts count in the
        total only.

    Examples
    --------
    >>> found = token_losses(torch.zeros(3, 4), torch.tensor([0, 1, -100]))
    >>> round(float(found.total), 4), int(found.weight)
    (1.3863, 2)
    """
    flat = labels.reshape(-1)
    scores = logits.reshape(len(flat), -1)
    each = F.cross_entropy(
        scores.to(torch.promote_types(scores.dtype, torch.float32)),
        flat,
        ignore_index=IGNORED,
        reduction="none",
    )
    predicted = flat != IGNORED
    found, weights = {}, {}
    for name, where in (parts or {}).items():
        chosen = predicted & where.reshape(-1)
        weights[name] = chosen.sum()
        found[name] = mean(each.detach() * chosen, weights[name])
    weight = predicted.sum()
    return Losses(mean(each, weight), found, weight, weights)


def next_token_losses(
    logits: Tensor, labels: Tensor, parts: Mapping[str, Tensor] | None = None
) -> Losses:
    """As :func:`token_losses`, where logits of a place score the label of the next one.

    Parameters
    ----------
    logits
        (rows, tokens, vocabulary).
    labels
        (rows, tokens), the tokens themselves.
    parts
        As there, at the places of the labels.
    """
    # Labels move, and not logits: a slice of those would be a copy of the largest tensor there is.
    later = {name: F.pad(where[:, 1:], (0, 1)) for name, where in (parts or {}).items()}
    return token_losses(logits, F.pad(labels[:, 1:], (0, 1), value=IGNORED), later)


def num_predicted(labels: Tensor, *, shifted: bool = False) -> int:
    """Labels that are predicted; `shifted` leaves out the first of each row.

    Examples
    --------
    >>> labels = torch.tensor([[5, -100, 6]])
    >>> num_predicted(labels), num_predicted(labels, shifted=True)
    (2, 1)
    """
    kept = labels[:, 1:] if shifted else labels
    return int((kept != IGNORED).sum())


def mean(values: Tensor, weight: Tensor) -> Tensor:
    """Sum over weight; 0, and no NaN, where there is nothing."""
    return values.sum() / weight.clamp(min=1)
