"""The other strand, on ids: numpy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..complement import reverse_complement
from .vocabulary import Vocabulary

__all__ = ["complement_ids", "reverse_complement", "reverse_complement_ids"]


def complement_ids(ids: Any, vocabulary: Vocabulary) -> Any:
    """The complement of each id, in place order; array or tensor of any shape, type kept.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> complement_ids(np.array([7, 8, 1]), DNATokenizer().vocabulary).tolist()
    [10, 9, 1]
    """
    table = vocabulary.complement_ids
    if isinstance(ids, np.ndarray):
        return table[ids].astype(ids.dtype)
    return ids.new_tensor(table.tolist())[ids.long()]


def reverse_complement_ids(ids: Any, vocabulary: Vocabulary, *, mask: Any = None) -> Any:
    """The other strand of ids, array or tensor of shape (..., length).

    Parameters
    ----------
    ids
        Ids, of any integer type.
    vocabulary
        A vocabulary with complements.
    mask
        Of the same shape, true (or 1) where a token takes part, for instance an attention mask.
        The others, padding among them, keep their places. None: all take part.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> pad_aac = np.array([[4, 7, 7, 8]])
    >>> reverse_complement_ids(pad_aac, DNATokenizer().vocabulary, mask=pad_aac != 4).tolist()
    [[4, 9, 10, 10]]
    """
    other = complement_ids(ids, vocabulary)
    if isinstance(ids, np.ndarray):
        if mask is None:
            return np.ascontiguousarray(other[..., ::-1])
        kept = np.asarray(mask).astype(bool)
        # Places of the tokens that take part come first, in order; the k-th of n reads the one
        # at n-1-k.
        places = np.argsort(~kept, axis=-1, kind="stable")
        rank = kept.cumsum(-1) - 1
        source = np.where(kept, kept.sum(-1, keepdims=True) - 1 - rank, 0)
        found = np.take_along_axis(other, np.take_along_axis(places, source, -1), -1)
        return np.where(kept, found, ids)
    if mask is None:
        return other.flip(-1)
    kept = mask.bool()
    places = (~kept).byte().sort(dim=-1, stable=True).indices
    rank = kept.cumsum(-1) - 1
    source = (kept.sum(-1, keepdim=True) - 1 - rank).clamp(min=0)
    return other.gather(-1, places.gather(-1, source)).where(kept, ids)
