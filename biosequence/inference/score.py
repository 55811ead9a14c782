"""How likely sequences are to a model: log-likelihood and perplexity of each record."""

# Shapes: B batch, T time, V vocabulary.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import ModelError, UsageError
from ..progress import progress
from .batches import run_in_batches
from .long import CHUNK, LogLikelihood, stream_log_likelihood, token_log_probs
from .records import EncodedRecord, encode_record, read_records, strands_of, uncounted_ids
from .tables import Column, write_table

if TYPE_CHECKING:
    from ..io import Record
    from .loading import LoadedModel

BATCH_SIZE = 16
COLUMNS = (
    Column("name", "{}"),
    Column("log_likelihood", "{:.6f}"),
    Column("tokens", "{}"),
    Column("perplexity", "{:.6g}"),
)


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """How likely one record is.

    Parameters
    ----------
    name
        Name of the record.
    log_likelihood
        Sum of the log-probabilities of its tokens, natural logarithm; of a masked model, the
        pseudo-log-likelihood. With both strands, the mean of the two.
    tokens
        Tokens that it counts.
    """

    name: str
    log_likelihood: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """``exp(-log_likelihood / tokens)``; NaN without tokens."""
        return LogLikelihood(self.log_likelihood, self.tokens).perplexity


def score_records(
    loaded: LoadedModel,
    records: Iterable[Record],
    *,
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
) -> Iterator[SequenceScore]:
    """The score of every record, in their order, in bounded memory.

    A causal model gives each token's probability after all before it. A masked model is asked for
    each token while that one is masked (Salazar et al. 2020, pseudo-log-likelihood), which reads
    a sequence as often as it has tokens. Padding, unknown letters and N of DNA are read but not
    counted; so is the first token, where a causal model has none to start from (DNA).

    Parameters
    ----------
    loaded
        Model and tokenizer, of :func:`~biosequence.inference.load_model`.
    records
        Sequences, such as a reader of `biosequence.io` gives.
    strands
        "forward", or "both": the mean with the reverse complement, for DNA.
    batch_size
        Most sequences read at once. It changes memory and speed, never the answer.
    chunk
        Causal models read longer sequences in pieces of this many tokens.

    Raises
    ------
    InputError
        A letter is refused, a record is empty, or longer than the model's positions.
    ModelError
        The model has no token head.
    UsageError
        Both strands of something that has one.

    Examples
    --------
    >>> from biosequence.inference import LoadedModel
    >>> from biosequence.io import Record
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import DNATokenizer
    >>> model = BioMambaForCausalLM(BioMambaConfig(vocab_size=12, hidden_size=16)).eval()
    >>> loaded = LoadedModel(model, DNATokenizer(), Path("tiny"))
    >>> [score.tokens for score in score_records(loaded, [Record("a", "ACGTNA")])]
    [4]
    """
    causal = is_causal(loaded)
    # A window of the genome does not end where the sequence of its letters does.
    ends = not (causal and loaded.kind == "dna")
    both = strands == "both"
    rows = (
        encode_record(loaded, record, special_tokens=ends)
        for record in strands_of(loaded, records, strands)
    )
    score = _score_causal if causal else _score_masked
    found = score(loaded, rows, batch_size, chunk)
    for name, first in found:
        if not both:
            yield SequenceScore(name, first.total, first.tokens)
            continue
        _, other = next(found)
        yield SequenceScore(name, (first.total + other.total) / 2, first.tokens)


def score_file(
    loaded: LoadedModel,
    input: str | Path,
    output: str | Path,
    *,
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
    resume: bool = False,
) -> dict[str, Any]:
    """Score every record of a file into a table (name, log_likelihood, tokens, perplexity).

    Parameters
    ----------
    loaded, strands, batch_size, chunk
        As in :func:`score_records`.
    input
        FASTA, FASTQ or GenBank, or a file of SMILES for a model of molecules.
    output
        The table, with tabs; it appears when it is whole.
    resume
        Go on where a stopped run of the same options and input was.

    Returns
    -------
    Records, tokens, total log-likelihood and perplexity over all tokens.

    Raises
    ------
    BioseqError
        As :func:`score_records`, and when a file cannot be read or written.
    """
    totals = {"records": 0, "tokens": 0, "log_likelihood": 0.0}

    def rows(done: int) -> Iterator[dict[str, Any]]:
        records = islice(read_records(loaded, input), done, None)
        for score in score_records(
            loaded, records, strands=strands, batch_size=batch_size, chunk=chunk
        ):
            yield {
                "name": score.name,
                "log_likelihood": score.log_likelihood,
                "tokens": score.tokens,
                # JSON has no NaN; a table shows what is missing as nothing.
                "perplexity": score.perplexity if score.tokens else None,
            }

    def count(row: dict[str, Any]) -> None:
        totals["records"] += 1
        totals["tokens"] += row["tokens"]
        totals["log_likelihood"] += row["log_likelihood"]

    write_table(
        output,
        COLUMNS,
        lambda done: progress(rows(done), what="scoring", unit=" records"),
        options={"task": "score", "strands": strands},
        files=(input, loaded.path),
        resume=resume,
        each=count,
    )
    whole = LogLikelihood(totals["log_likelihood"], totals["tokens"])
    perplexity = whole.perplexity if whole.tokens else None
    return {"output": str(output), **totals, "perplexity": perplexity}


def is_causal(loaded: LoadedModel) -> bool:
    """Whether a language model reads ahead only.

    Raises
    ------
    ModelError
        The model has no token head.
    """
    if not hasattr(loaded.model, "lm_head"):
        raise ModelError(
            f"A {type(loaded.model).__name__} gives no probabilities of tokens.",
            where=str(loaded.path),
            fix="Give a causal or masked language model.",
        )
    return type(loaded.model).__name__.endswith("ForCausalLM")


def masked_log_probs(
    loaded: LoadedModel,
    rows: Sequence[np.ndarray],
    places: Sequence[int],
    *,
    batch_size: int = BATCH_SIZE,
) -> Iterator[np.ndarray]:
    """Log-probabilities (V,) float64 of a masked model, each asked with one place masked.

    Parameters
    ----------
    loaded
        A masked language model.
    rows
        Ids (T,) of the sequence of each question; neighbours of one length are read together.
    places
        The place in it that is masked and asked for, from 0.
    batch_size
        Questions read at once.
    """
    for batch in _of_one_length(rows, batch_size):
        copies_BT = torch.from_numpy(np.stack([rows[number] for number in batch]).astype(np.int64))
        here = torch.tensor([places[number] for number in batch])
        every = torch.arange(len(batch))
        copies_BT[every, here] = loaded.tokenizer.mask_id
        with torch.inference_mode():
            logits_BTV = loaded.model(copies_BT.to(loaded.device)).logits
            picked_BV = logits_BTV[every.to(logits_BTV.device), here.to(logits_BTV.device)]
        yield from picked_BV.cpu().double().log_softmax(-1).numpy()


def _of_one_length(rows: Sequence[np.ndarray], batch_size: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for number, row in enumerate(rows):
        if batch and (len(batch) == batch_size or len(row) != len(rows[batch[0]])):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _score_causal(
    loaded: LoadedModel, rows: Iterable[EncodedRecord], batch_size: int, chunk: int
) -> Iterator[tuple[str, LogLikelihood]]:
    ignored = uncounted_ids(loaded.tokenizer)
    padding = loaded.tokenizer.pad_id

    def work(batch: list[EncodedRecord]) -> list[tuple[str, LogLikelihood]]:
        if len(batch) == 1:
            ids = batch[0].ids
            found = stream_log_likelihood(loaded.model, ids, chunk=chunk, ignored_ids=ignored)
            return [(batch[0].name, found)]
        widest = max(map(len, batch))
        ids_BT = np.full((len(batch), widest), padding, dtype=np.int64)
        for number, row in enumerate(batch):
            ids_BT[number, : len(row)] = row.ids
        ids_BT = torch.from_numpy(ids_BT).to(loaded.device)
        lengths = torch.tensor([len(row) for row in batch], device=ids_BT.device)
        mask_BT = torch.arange(widest, device=ids_BT.device) < lengths[:, None]
        with torch.inference_mode():
            logits = loaded.model(ids_BT, attention_mask=mask_BT, use_cache=False).logits
            log_probs = token_log_probs(logits[:, :-1], ids_BT[:, 1:]).numpy()
        found = []
        for row, values in zip(batch, log_probs, strict=True):
            counted = ~np.isin(row.ids[1:], ignored)
            total = float(values[: len(row) - 1][counted].sum())
            found.append((row.name, LogLikelihood(total, int(counted.sum()))))
        return found

    # A sequence above the chunk is a batch of its own, which is read in pieces.
    limit = max(chunk, 1)
    return run_in_batches(rows, work, batch_size=batch_size, max_tokens=limit)


def _score_masked(
    loaded: LoadedModel, rows: Iterable[EncodedRecord], batch_size: int, chunk: int
) -> Iterator[tuple[str, LogLikelihood]]:
    ignored = uncounted_ids(loaded.tokenizer)
    for row in rows:
        places = np.flatnonzero(row.own & ~np.isin(row.ids, ignored)).tolist()
        total = 0.0
        rows_asked = [row.ids] * len(places)
        asked = masked_log_probs(loaded, rows_asked, places, batch_size=batch_size)
        for place, log_probs in zip(places, asked, strict=True):
            total += float(log_probs[row.ids[place]])
        yield row.name, LogLikelihood(total, len(places))


def check_masking(loaded: LoadedModel, masked: bool) -> None:
    """Refuse `masked` scoring where the model knows no masks.

    Raises
    ------
    UsageError
        The model is causal.
    """
    if masked and is_causal(loaded):
        raise UsageError(
            "A causal model was not trained to guess what is masked.",
            where=f"--masked, {loaded.path}",
            fix="Leave --masked out, or give a masked language model.",
        )
