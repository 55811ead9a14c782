"""Held-out likelihood of any causal model of transformers, read in batches of like length."""

# Shapes: B documents of a batch, T tokens, V vocabulary.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from biosequence.evaluation import DocumentScore, evaluate_perplexity

_TOKENS = 16_384


def held_out(model: Any, tokenizer: Any, documents: Sequence[np.ndarray]) -> dict[str, Any]:
    """Perplexity per token and bits per character of some documents, with the interval.

    Every token after the first is counted, the end of the molecule included, whose information is
    shared out over the characters too.

    Parameters
    ----------
    model
        A causal model in evaluation mode.
    tokenizer
        Of the documents.
    documents
        (T,) ids of each.
    """
    scores = iter(document_scores(model, tokenizer, documents))
    report = evaluate_perplexity(lambda _: next(scores), documents)
    row = report.rows[-1]
    return {
        "documents": row["documents"],
        "tokens": row["tokens"],
        "characters": row["letters"],
        "nats_per_token": row["nats_per_token"],
        "perplexity": row["perplexity"],
        "perplexity_low": row["perplexity_low"],
        "perplexity_high": row["perplexity_high"],
        "bits_per_character": math.log2(row["perplexity_per_letter"]),
    }


def document_scores(
    model: Any, tokenizer: Any, documents: Sequence[np.ndarray]
) -> list[DocumentScore]:
    """What a model says of each document, in their order."""
    vocabulary = tokenizer.vocabulary
    letters = np.zeros(len(vocabulary), dtype=np.int64)
    for number in vocabulary.letter_ids:
        letters[number] = len(vocabulary.token(int(number)))
    found: list[DocumentScore | None] = [None] * len(documents)
    for places in _batches([len(one) for one in documents]):
        rows = [np.asarray(documents[at], dtype=np.int64) for at in places]
        for at, ids, log_probs in zip(places, rows, _log_probs(model, rows), strict=True):
            found[at] = DocumentScore(log_probs, np.arange(1, len(ids)), letters[ids[1:]])
    return [one for one in found if one is not None]


@torch.inference_mode()
def _log_probs(model: Any, rows: list[np.ndarray]) -> list[np.ndarray]:
    """(T - 1,) log-probabilities of the tokens of each row after the first."""
    ids_BT = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask_BT = torch.zeros_like(ids_BT)
    for number, row in enumerate(rows):
        ids_BT[number, : len(row)] = torch.from_numpy(row)
        mask_BT[number, : len(row)] = 1
    logits_BTV = model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).logits
    said_BT = (
        logits_BTV[:, :-1].float().log_softmax(-1).gather(2, ids_BT[:, 1:, None])[..., 0].double()
    )
    return [said_BT[number, : len(row) - 1].numpy() for number, row in enumerate(rows)]


def _batches(lengths: list[int]) -> list[list[int]]:
    """Places of documents, those of like length together, in batches of a bounded size."""
    batches: list[list[int]] = []
    for at in np.argsort(lengths, kind="stable").tolist():
        if not batches or (len(batches[-1]) + 1) * lengths[at] > _TOKENS:
            batches.append([])
        batches[-1].append(at)
    return batches
