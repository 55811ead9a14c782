"""Masking for masked language models (Devlin et al. 2019, section 3.1)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import UsageError
from .padding import check_choice
from .vocabulary import Vocabulary

# What PyTorch's cross-entropy leaves out.
IGNORED = -100


def mask_tokens(
    ids: np.ndarray,
    vocabulary: Vocabulary,
    generator: np.random.Generator,
    *,
    probability: float = 0.15,
    masked_share: float = 0.8,
    random_share: float = 0.1,
    random_from: Literal["letters", "all"] = "letters",
    maskable: np.ndarray | None = None,
    ignored: int = IGNORED,
) -> tuple[np.ndarray, np.ndarray]:
    """Ids with some of them hidden, and labels that hold what was hidden.

    Special tokens, padding among them, are never chosen.

    Parameters
    ----------
    ids
        Ids of any shape.
    vocabulary
        Theirs; it needs a mask token.
    generator
        Source of chance.
    probability
        For each token, to be chosen.
    masked_share, random_share
        Of the chosen: replaced by the mask token, replaced by a random token; the rest is kept.
    random_from
        Random tokens are letters, or any token of the vocabulary, special ones included: what
        the published DNA models were trained with.
    maskable
        True where a token may be chosen (an attention mask, or a mask that leaves N out).
    ignored
        Label of tokens that were not chosen.

    Returns
    -------
    The changed ids and the labels, of the shape of `ids`, int64.

    Raises
    ------
    UsageError
        If the shares are no probabilities.
    InputError
        If the vocabulary has no mask token.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> dna = DNATokenizer()
    >>> chance = np.random.default_rng(0)
    >>> hidden, labels = mask_tokens(dna.encode("ACGTACGTACGT"), dna.vocabulary, chance)
    >>> dna.decode(hidden), dna.decode(labels[labels >= 0])
    ('AC[MASK]NACGTACG[MASK][SEP]', 'GTT')
    """
    check_choice("random_from", random_from, ("letters", "all"))
    if not (0 <= probability <= 1 and 0 <= masked_share <= 1 and 0 <= random_share <= 1) or (
        masked_share + random_share > 1 + 1e-9
    ):
        raise UsageError(
            f"probability={probability}, masked_share={masked_share} and random_share="
            f"{random_share} are not possible together.",
            where="options of masking",
            fix="Give probabilities; the two shares together are at most 1.",
        )
    ids = np.asarray(ids).astype(np.int64)
    allowed = ~np.isin(ids, vocabulary.special_ids)
    if maskable is not None:
        allowed &= np.asarray(maskable).astype(bool)
    chosen = allowed & (generator.random(ids.shape) < probability)
    fate = generator.random(ids.shape)
    pool = vocabulary.letter_ids if random_from == "letters" else np.arange(len(vocabulary))
    drawn = generator.choice(pool, size=ids.shape)
    hidden = np.where(chosen & (fate < masked_share), vocabulary.role_id("mask"), ids)
    at_random = chosen & (fate >= masked_share) & (fate < masked_share + random_share)
    return np.where(at_random, drawn, hidden), np.where(chosen, ids, ignored)
