"""Held-out perplexity, per token and per letter, by how much a token has before it."""

# Shapes: T tokens of a document.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import InputError
from ..inference.batches import run_in_batches
from ..inference.long import CHUNK, stream_token_log_probs, token_log_probs
from ..inference.records import encode_record, uncounted_ids
from ..inference.score import BATCH_SIZE, masked_log_probs
from ..progress import progress
from .classification import spread
from .metrics import RESAMPLES, Estimate, ratio_estimate
from .models import is_ours, reads_ahead
from .report import Column, Plot, Report

if TYPE_CHECKING:
    from ..inference import LoadedModel
    from ..io import Record

EDGES = (0, 16, 64, 256, 1024, 4096, 16384, 65536)
"""First number of tokens before of each bin; the last one is open."""


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """What a model said of one document.

    Parameters
    ----------
    log_probs
        (T,) log-probability of each counted token.
    before
        (T,) tokens that the model had read before it; of a masked model, all others.
    letters
        (T,) letters of the text that each token stands for; 0 for special tokens.
    """

    log_probs: np.ndarray
    before: np.ndarray
    letters: np.ndarray


_NOTHING = DocumentScore(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))


def evaluate_perplexity(
    scores: Iterable[DocumentScore],
    *,
    edges: Sequence[int] = EDGES,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """Perplexity of documents by context length, and over all of them.

    Parameters
    ----------
    scores
        What a model says of each document, as :func:`score_documents` gives it; read once.
    edges
        First number of tokens before of each bin.
    limit
        The first so many documents; all when None.
    resamples, seed
        Of the intervals, which draw whole documents again: tokens of one are no independent items.

    Raises
    ------
    InputError
        No token is counted.
    """
    totals, counts, letters = [], [], []
    for found in progress(islice(scores, limit), what="reading", unit=" documents"):
        places = np.searchsorted(edges, found.before, side="right") - 1
        totals.append(-_binned(places, found.log_probs, len(edges)))
        counts.append(_binned(places, np.ones(len(places)), len(edges)))
        letters.append(_binned(places, found.letters, len(edges)))
    if not totals or not np.sum(counts):
        raise InputError("No token is counted.", where="documents", fix="Give longer sequences.")
    sums, tokens, text = (np.array(each) for each in (totals, counts, letters))
    rows = []
    for at in np.flatnonzero(tokens.sum(0)):
        label = _bin_name(edges, int(at))
        rows.append(
            _row(label, sums[:, at], tokens[:, at], text[:, at], resamples=resamples, seed=seed)
        )
    everything = _row(
        "all", sums.sum(1), tokens.sum(1), text.sum(1), resamples=resamples, seed=seed
    )
    return _report(rows, everything, len(totals), limit)


def score_documents(
    loaded: LoadedModel,
    documents: Iterable[np.ndarray],
    *,
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
) -> Iterator[DocumentScore]:
    """What a model says of each document, token by token, in their order.

    A causal model is asked for each token after all before it, so the first has none; a masked
    model for each letter while that one is masked, which reads a document as often as it has
    letters. Padding, masks, unknown letters and N of DNA are read and not counted.

    Parameters
    ----------
    loaded
        A causal or masked language model.
    documents
        (T,) ids of each.
    batch_size, chunk
        Documents, and tokens, read at once; neither changes the answer.

    Raises
    ------
    ModelError
        The model has no token head.
    InputError
        A document is longer than the model's positions.
    """
    reader = _Reader(loaded, batch_size, chunk)
    if reads_ahead(loaded):
        return run_in_batches(
            documents, reader.causal, batch_size=batch_size, max_tokens=max(chunk, 1)
        )
    return map(reader.masked, documents)


class _Reader:
    """A model that reads documents, and what of their tokens is counted."""

    def __init__(self, loaded: LoadedModel, batch_size: int, chunk: int) -> None:
        self.loaded, self.batch_size, self.chunk = loaded, batch_size, chunk
        vocabulary = loaded.tokenizer.vocabulary
        self.ignored = uncounted_ids(loaded.tokenizer)
        self.special = vocabulary.special_ids
        self.lengths = np.zeros(len(vocabulary), dtype=np.int64)
        for number in vocabulary.letter_ids:
            self.lengths[number] = len(vocabulary.token(int(number)))

    def causal(self, batch: Sequence[np.ndarray]) -> list[DocumentScore]:
        """Scores of a batch; a document above the chunk is one of its own, read in pieces."""
        if len(batch) == 1 and is_ours(self.loaded):
            ids = batch[0].astype(np.int64)
            pieces = list(stream_token_log_probs(self.loaded.model, ids, chunk=self.chunk))
            return [self._score(ids, np.concatenate(pieces)[1:])] if pieces else [_NOTHING]
        widest = max(map(len, batch))
        if widest < 2:
            return [_NOTHING for _ in batch]
        ids_BT = np.full((len(batch), widest), self.loaded.tokenizer.pad_id, dtype=np.int64)
        for number, row in enumerate(batch):
            ids_BT[number, : len(row)] = row
        given = torch.from_numpy(ids_BT).to(self.loaded.device)
        sizes = torch.tensor([len(row) for row in batch], device=given.device)
        mask_BT = torch.arange(widest, device=given.device) < sizes[:, None]
        try:
            with torch.inference_mode():
                output = self.loaded.model(given, attention_mask=mask_BT, use_cache=False)
                found = token_log_probs(output.logits[:, :-1], given[:, 1:]).numpy()
        except IndexError as error:  # a table of positions that ends before the document
            raise InputError(
                f"A document has {widest:,} tokens, more than the model has positions.",
                where=str(self.loaded.path),
                fix="Give shorter documents, or a model without learned positions.",
            ) from error
        return [
            self._score(row, values[: len(row) - 1]) if len(row) else _NOTHING
            for row, values in zip(batch, found, strict=True)
        ]

    def masked(self, ids: np.ndarray) -> DocumentScore:
        """Scores of one document, each letter while it is masked."""
        places = np.flatnonzero(~np.isin(ids, [*self.ignored, *self.special]))
        asked = masked_log_probs(
            self.loaded, [ids] * len(places), places.tolist(), batch_size=self.batch_size
        )
        log_probs = np.array([one[ids[at]] for at, one in zip(places, asked, strict=True)])
        before = np.full(len(places), len(ids) - 1)
        return DocumentScore(log_probs, before, self.lengths[ids[places]])

    def _score(self, ids: np.ndarray, log_probs: np.ndarray) -> DocumentScore:
        """From log-probabilities of all tokens but the first."""
        places = np.flatnonzero(~np.isin(ids[1:], self.ignored)) + 1
        return DocumentScore(log_probs[places - 1], places, self.lengths[ids[places]])


def encoded_documents(loaded: LoadedModel, records: Iterable[Record]) -> Iterator[np.ndarray]:
    """Records as the ids that a language model reads, special tokens included where it has them.

    Raises
    ------
    InputError
        A record cannot be read.
    """
    # A window of the genome does not end where the sequence of its letters does.
    ends = not (reads_ahead(loaded) and loaded.kind == "dna")
    for record in records:
        yield encode_record(loaded, record, special_tokens=ends).ids


def _binned(places: np.ndarray, values: np.ndarray, number: int) -> np.ndarray:
    return np.bincount(places, weights=values, minlength=number)


def _bin_name(edges: Sequence[int], at: int) -> str:
    last = f"-{edges[at + 1] - 1:,}" if at + 1 < len(edges) else " and more"
    return f"{edges[at]:,}{last}"


def _row(
    label: str,
    totals: np.ndarray,
    tokens: np.ndarray,
    letters: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    rate = ratio_estimate(totals, tokens, resamples=resamples, seed=seed)
    per_letter = ratio_estimate(totals, letters, resamples=0)
    return {
        "context": label,
        "documents": int((tokens > 0).sum()),
        "tokens": int(tokens.sum()),
        "letters": int(letters.sum()),
        "nats_per_token": rate.value,
        **spread("perplexity", _exponential(rate)),
        "perplexity_per_letter": _exponential(per_letter).value,
    }


def _exponential(rate: Estimate) -> Estimate:
    return Estimate(*(None if value is None else float(np.exp(value)) for value in rate))


def _report(
    rows: list[dict[str, Any]], everything: dict[str, Any], documents: int, limit: int | None
) -> Report:
    notes = [
        "`context` is the number of tokens that the model had before it (a masked model: all other "
        "tokens of the document). Per letter, the same log-likelihood is shared out over the "
        "letters of the text, so that tokenizers can be compared. Intervals draw documents again.",
    ]
    if limit is not None and documents == limit:
        notes.append(f"The first {limit:,} documents.")
    return Report(
        suite="perplexity",
        title="Held-out perplexity by context length",
        columns=(
            Column("context", "tokens before"),
            Column("documents", "documents", "{:,}"),
            Column("tokens", "tokens", "{:,}"),
            Column("perplexity", "perplexity per token", "{:.4f}", interval=True),
            Column("perplexity_per_letter", "per letter", "{:.4f}"),
        ),
        rows=(*rows, everything),
        summary={
            "documents": documents,
            "tokens": everything["tokens"],
            "perplexity": everything["perplexity"],
            "perplexity_per_letter": everything["perplexity_per_letter"],
        },
        plot=Plot(
            "line",
            "context",
            "perplexity",
            "perplexity per token",
            axis="tokens before",
            without="all",
        ),
        notes=tuple(notes),
    )
