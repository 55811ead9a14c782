"""Sequences as vectors: any layer of a model, one vector a record or one a token."""

# Shapes: B batch, T time, D width.

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from ..progress import progress
from .batches import run_in_batches
from .embedding_files import check_output, open_writer
from .long import CHUNK
from .records import EncodedRecord, encode_record, read_records, strands_of
from .resumable import ResumableRows, fingerprint
from .score import BATCH_SIZE

if TYPE_CHECKING:
    from ..io import Record
    from .loading import LoadedModel

POOLS = ("mean", "last", "tokens")
"""One vector a record (mean over its tokens, or at its last), or one a token."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """A record as vectors.

    Parameters
    ----------
    name
        Name of the record.
    vectors
        (D,) float32, or (T, D) with one row a token of the sequence.
    """

    name: str
    vectors: np.ndarray


def embed_records(
    loaded: LoadedModel,
    records: Iterable[Record],
    *,
    layer: int = -1,
    pool: str = "mean",
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
) -> Iterator[Embedding]:
    """The embedding of every record, in their order, in bounded memory.

    Padding is left out always. "mean" and "tokens" leave out the special tokens around a sequence
    too; "last" is the state after all tokens have been read. Models that share parameters between
    strands give the mean of both, as their heads read it.

    Parameters
    ----------
    loaded
        Model and tokenizer, of :func:`~biosequence.inference.load_model`.
    records
        Sequences, such as a reader of `biosequence.io` gives.
    layer
        0 is the token embedding, k the output of block k, -1 the last one after the final norm.
    pool
        "mean", "last" or "tokens".
    strands
        "forward", or "both": the mean with the reverse complement, for DNA; not with "tokens".
    batch_size
        Most sequences read at once. It changes memory and speed, never the answer.
    chunk
        Causal models read longer sequences in pieces of this many tokens.

    Raises
    ------
    InputError
        A letter is refused, a record is empty, or longer than the model's positions.
    UsageError
        There is no such layer, pool or strand.

    Examples
    --------
    >>> from biosequence.inference import LoadedModel
    >>> from biosequence.io import Record
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import DNATokenizer
    >>> model = BioMambaForCausalLM(BioMambaConfig(vocab_size=12, hidden_size=16)).eval()
    >>> loaded = LoadedModel(model, DNATokenizer(), Path("tiny"))
    >>> [(one.name, one.vectors.shape) for one in embed_records(loaded, [Record("a", "ACGT")])]
    [('a', (16,))]
    """
    layer = check_layer(loaded.model, layer)
    check_pool(pool, strands)
    backbone = getattr(loaded.model, "backbone", loaded.model)
    causal = bool(loaded.model.config.is_causal)
    rows = (encode_record(loaded, one) for one in strands_of(loaded, records, strands))

    def work(batch: list[EncodedRecord]) -> list[Embedding]:
        if len(batch) == 1 and causal and len(batch[0]) > chunk:
            return [_embedded_in_pieces(loaded, backbone, batch[0], layer, pool, chunk)]
        x_BTD = _hidden(loaded, backbone, batch, layer)
        return [
            Embedding(row.name, _pooled(x_BTD[number, : len(row)], row.own, pool))
            for number, row in enumerate(batch)
        ]

    found = run_in_batches(rows, work, batch_size=batch_size, max_tokens=max(chunk, 1))
    if strands == "forward":
        yield from found
        return
    for one in found:
        yield Embedding(one.name, (one.vectors + next(found).vectors) / 2)


def embed_file(
    loaded: LoadedModel,
    input: str | Path,
    output: str | Path,
    *,
    layer: int = -1,
    pool: str = "mean",
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
    resume: bool = False,
) -> dict[str, Any]:
    """Embed every record of a file, streaming, into one of three formats.

    Parameters
    ----------
    loaded, layer, pool, strands, batch_size, chunk
        As in :func:`embed_records`.
    input
        FASTA, FASTQ or GenBank, or a file of SMILES for a model of molecules.
    output
        ``.npz`` (arrays `names` and `embeddings`; with tokens also `offsets`), ``.h5ad`` (names in
        obs, vectors in X) or ``.parquet``. It appears when it is whole.
    resume
        Go on where a stopped run of the same options and input was.

    Returns
    -------
    Records, rows and width of what was written.

    Raises
    ------
    BioseqError
        As :func:`embed_records`; an unknown ending, or one whose library is not installed; a file
        that cannot be read or written.
    """
    check_layer(loaded.model, layer)
    check_pool(pool, strands)
    facts = {"model": str(loaded.path), "layer": layer, "pool": pool, "strands": strands}
    check_output(output)
    key = fingerprint({"task": "embed", **facts}, (input, loaded.path))
    with ResumableRows(output, key, resume=resume) as rows:
        found = embed_records(
            loaded,
            islice(read_records(loaded, input), rows.count, None),
            layer=layer,
            pool=pool,
            strands=strands,
            batch_size=batch_size,
            chunk=chunk,
        )
        for one in progress(found, what="embedding", unit=" records"):
            rows.append(_as_row(one))
        with open_writer(output, per_token=pool == "tokens", facts=facts) as writer:
            for row in rows.rows():
                writer.add(row["name"], _vectors(row))
            writer.finish()
        rows.discard()
    return {
        "output": str(output),
        "records": writer.records,
        "rows": writer.rows,
        "width": writer.width,
        **facts,
    }


def _as_row(one: Embedding) -> dict[str, Any]:
    """An embedding as a line of text: the very bits of its numbers."""
    vectors = np.ascontiguousarray(one.vectors, dtype="<f4")
    data = base64.b64encode(vectors.tobytes()).decode("ascii")
    return {"name": one.name, "shape": list(vectors.shape), "data": data}


def _vectors(row: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(row["data"]), dtype="<f4").reshape(row["shape"])


def check_layer(model: Any, layer: int) -> int:
    """The layer counted from 0.

    Raises
    ------
    UsageError
        The model has no such layer.
    """
    depth = model.config.num_hidden_layers
    if not -depth - 1 <= layer <= depth:
        raise UsageError(
            f"There is no layer {layer}: the model has {depth} blocks.",
            where="layer",
            fix=f"Give 0 (token embedding) to {depth} (after the last block), or -1 for the last.",
        )
    return layer % (depth + 1)


def check_pool(pool: str, strands: str) -> None:
    """Refuse what cannot be done.

    Raises
    ------
    UsageError
        There is no such pool, or tokens of two strands are to be averaged.
    """
    if pool not in POOLS:
        raise UsageError(
            f"There is no pool {pool!r}.", where="pool", fix=f"Choose one of: {', '.join(POOLS)}."
        )
    if pool == "tokens" and strands == "both":
        raise UsageError(
            "Tokens of two strands do not stand at one place.",
            where="pool='tokens', strands='both'",
            fix="Choose pool='mean' or 'last', or strands='forward'.",
        )


def _hidden(loaded: LoadedModel, backbone: Any, batch: list[EncodedRecord], layer: int) -> Tensor:
    """Hidden states (B, T, D) float32 on the CPU, padded on the right."""
    widest = max(map(len, batch))
    ids_BT = np.full((len(batch), widest), loaded.tokenizer.pad_id, dtype=np.int64)
    mask_BT = np.zeros((len(batch), widest), dtype=bool)
    for number, row in enumerate(batch):
        ids_BT[number, : len(row)] = row.ids
        mask_BT[number, : len(row)] = True
    with torch.inference_mode():
        output = backbone(
            torch.from_numpy(ids_BT).to(loaded.device),
            attention_mask=torch.from_numpy(mask_BT).to(loaded.device),
            use_cache=False,
            output_hidden_states=True,
        )
    return _one_strand(backbone.config, output.hidden_states[layer])


def _embedded_in_pieces(
    loaded: LoadedModel, backbone: Any, row: EncodedRecord, layer: int, pool: str, chunk: int
) -> Embedding:
    """A long sequence through a causal model, at the memory of one piece (and of its answer)."""
    cache, kept = None, []
    total, count = 0.0, int(row.own.sum())
    for start in range(0, len(row), chunk):
        here = slice(start, start + chunk)
        ids_BT = torch.from_numpy(row.ids[here].astype(np.int64))[None].to(loaded.device)
        with torch.inference_mode():
            output = backbone(ids_BT, cache_params=cache, use_cache=True, output_hidden_states=True)
        cache = output.cache_params
        x_TD = _one_strand(backbone.config, output.hidden_states[layer])[0]
        if pool == "tokens":
            kept.append(x_TD[torch.from_numpy(row.own[here])].numpy().copy())
        elif pool == "mean":
            total = total + x_TD[torch.from_numpy(row.own[here])].double().sum(0).numpy()
        else:
            kept = [x_TD[-1].numpy().copy()]
    if pool == "mean":
        return Embedding(row.name, (total / count).astype(np.float32))
    return Embedding(row.name, kept[0] if pool == "last" else np.concatenate(kept))


def _one_strand(config: Any, x_BTD: Tensor) -> Tensor:
    x_BTD = x_BTD.float()
    if config.rcps:
        ahead, back = x_BTD.chunk(2, dim=-1)
        x_BTD = (ahead + back.flip(-1)) / 2
    return x_BTD.cpu()


def _pooled(x_TD: Tensor, own_T: np.ndarray, pool: str) -> np.ndarray:
    if pool == "last":
        return x_TD[-1].numpy().copy()
    own_TD = x_TD[torch.from_numpy(own_T)]
    if pool == "tokens":
        return own_TD.numpy().copy()
    return own_TD.double().mean(0).float().numpy()
