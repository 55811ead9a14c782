"""Proteins that a causal model writes or completes, with relatives as context."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, UsageError
from ..io import Record
from ..tokenizers import concatenate_homologs, fill_in, infill_prompt, read_fills
from ..tokenizers.fim import Span
from ..tokenizers.protein import SPAN_MASKS
from .decoding import Prompt, Sample, generate_ids
from .generation import Generated, GenerateOptions
from .loading import LoadedModel

# Written are the residues that genes code for by themselves; others can stand in what is read.
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
_STOPS = ("<cls>", "<eos>", "<pad>")
_SPAN = re.compile(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?")
_DNA = frozenset("ACGTUN")


def generate_proteins(
    loaded: LoadedModel,
    prompts: Iterable[Record] | None = None,
    *,
    context: Sequence[Record] = (),
    options: GenerateOptions | None = None,
) -> Iterator[Generated]:
    """Proteins, each with its prompt in front, in the order of the prompts.

    Relatives in `context` are read once, as in ProtMamba and Prot-xLSTM: one after the other, each
    opened by `<cls>`. A protein ends where the model opens the next one.

    Parameters
    ----------
    loaded
        A causal protein model.
    prompts
        Beginnings; None: from nothing.
    context
        Related proteins, also rows of an a3m alignment.
    options
        How much to write, and how.

    Raises
    ------
    ModelError
        The model is not causal, or not of proteins.
    InputError
        A letter that is no residue, an empty prompt, or a context that is DNA.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import ProteinTokenizer
    >>> config = BioMambaConfig(vocab_size=38, hidden_size=16, num_hidden_layers=1)
    >>> loaded = LoadedModel(BioMambaForCausalLM(config).eval(), ProteinTokenizer(), "tiny")
    >>> relatives = [Record("r1", "MKTAYI"), Record("r2", "MK-SYL")]
    >>> options = GenerateOptions(num=2, max_new_tokens=9)
    >>> [one.name for one in generate_proteins(loaded, context=relatives, options=options)]
    ['generated_1', 'generated_2']
    """
    reader = _Reader(loaded, context)
    named = iter([Record("generated", "")]) if prompts is None else _not_empty(prompts)
    records, kept = tee(named)
    stops = reader.ids(_STOPS)
    samples = generate_ids(
        loaded.model,
        (reader.prompt(record) for record in records),
        stop_ids=stops,
        allowed_ids=reader.ids(RESIDUES),
        context=reader.context,
        last_position=reader.last_position,
        pad_id=loaded.tokenizer.pad_id,
        **(options or GenerateOptions()).decoding(512),
    )
    return _proteins(loaded, samples, kept)


def infill_proteins(
    loaded: LoadedModel,
    prompts: Iterable[Record],
    spans: Sequence[Span],
    *,
    context: Sequence[Record] = (),
    options: GenerateOptions | None = None,
) -> Iterator[Generated]:
    """Proteins with given spans written anew, by fill-in-the-middle; the rest stays as it is.

    A filling may be of another length than its span. `max_new_tokens` counts for each span.

    Parameters
    ----------
    loaded
        A causal protein model that was trained with spans.
    prompts
        Whole proteins.
    spans
        At most five pairs (start, end) from 0, half-open, in order.
    context, options
        As in :func:`generate_proteins`.

    Raises
    ------
    ModelError
        The model is not causal, or not of proteins.
    InputError
        A span is outside a protein, or as in :func:`generate_proteins`.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import ProteinTokenizer
    >>> config = BioMambaConfig(vocab_size=38, hidden_size=16, num_hidden_layers=1)
    >>> loaded = LoadedModel(BioMambaForCausalLM(config).eval(), ProteinTokenizer(), "tiny")
    >>> one = next(infill_proteins(loaded, [Record("p", "MKTAYIAK")], [(2, 4)]))
    >>> one.sequence == "MK" + one.fills[0] + "YIAK"
    True
    """
    reader = _Reader(loaded, context)
    options = options or GenerateOptions()
    records, kept = tee(_not_empty(prompts))
    given = options.max_new_tokens
    most = tuple(given or 2 * (end - start) + 8 for start, end in spans)
    samples = generate_ids(
        loaded.model,
        (reader.infill(record, spans, sum(most) + len(most)) for record in records),
        stop_ids=reader.ids(_STOPS),
        allowed_ids=reader.ids((*RESIDUES, *SPAN_MASKS)),
        constraint=_Fillings(loaded, most),
        context=reader.context,
        last_position=reader.last_position,
        pad_id=loaded.tokenizer.pad_id,
        **options.decoding(1),
    )
    return _filled(reader, samples, kept, spans)


def parse_spans(text: str) -> list[Span]:
    """Pairs (start, end), from 0 and half-open, from spans as people write them.

    People count from 1 and include both ends.

    Raises
    ------
    UsageError
        The text is not of that form, or the spans are not in order or more than five.

    Examples
    --------
    >>> parse_spans("10-20,35")
    [(9, 20), (34, 35)]
    """
    spans: list[Span] = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part)
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        before = spans[-1][1] if spans else 0
        if not match or not before < first <= last or len(spans) == len(SPAN_MASKS):
            raise UsageError(
                f"{part.strip()!r} is not a span that can stand here.",
                where=f"spans {text!r}",
                fix="Give at most five, first-last counted from 1, in order: 10-20,35-40.",
            )
        spans.append((first - 1, last))
    return spans


class _Reader:
    """Proteins as prompts with their positions, behind the context."""

    def __init__(self, loaded: LoadedModel, context: Sequence[Record]) -> None:
        loaded.require_causal().require_kind("protein")
        self.tokenizer, config = loaded.tokenizer, loaded.model.config
        self.last_position = config.max_position_embeddings - 1
        self.last_sequence = config.max_seq_position_embeddings - 1
        self.number = min(len(context), self.last_sequence)
        self.context = self._read(context) if context else None

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Ids of tokens."""
        return self.tokenizer.vocabulary.ids(tokens).tolist()

    def prompt(self, record: Record) -> Prompt:
        """The beginning of a protein."""
        ids = self.tokenizer.encode(record.sequence, name=record.name)
        return self._placed(ids, np.arange(len(ids)), next_position=len(ids))

    def infill(self, record: Record, spans: Sequence[Span], limit: int) -> Prompt:
        """A protein up to its first filling."""
        text = self.plain(record)
        for start, end in spans:
            if end > len(text):
                raise InputError(
                    f"The span {start + 1}-{end} is outside the protein.",
                    where=f"sequence {record.name!r} of {len(text)} residues",
                    fix=f"Give spans between 1 and {len(text)}.",
                )
        tokens = infill_prompt(text, spans, self.tokenizer, last_position=self.last_position)
        masks = self.ids(SPAN_MASKS[: len(spans)])
        jumps = {mask: start + 1 for mask, (start, _) in zip(masks, spans, strict=True)}
        return self._placed(
            tokens.input_ids,
            tokens.position_ids,
            next_position=spans[0][0] + 1,
            jumps=jumps,
            limit=limit,
        )

    def plain(self, record: Record) -> str:
        """The residues of a record as the tokenizer reads them."""
        ids = self.tokenizer.encode(record.sequence, special_tokens=False, name=record.name)
        return self.tokenizer.decode(ids)

    def _placed(self, ids: np.ndarray, positions: np.ndarray, **more: Any) -> Prompt:
        return Prompt(
            ids,
            position_ids=np.minimum(positions, self.last_position),
            seq_position_ids=np.full(len(ids), self.number),
            **more,
        )

    def _read(self, context: Sequence[Record]) -> Prompt:
        texts = [self.plain(record) for record in context]
        if sum(map(len, texts)) >= 20 and all(_DNA.issuperset(text) for text in texts):
            raise InputError(
                "The context is DNA, and the model reads proteins.",
                where=f"context, {len(context)} sequences from {context[0].name!r}",
                fix="Give related proteins; translate genes first.",
            )
        found = concatenate_homologs(
            texts,
            self.tokenizer,
            last_position=self.last_position,
            last_sequence=self.last_sequence,
        )
        return Prompt(
            found.input_ids,
            position_ids=found.position_ids,
            seq_position_ids=found.sequence_ids,
        )


class _Place(NamedTuple):
    """Which span is being filled, and how many residues it has."""

    span: int = 0
    size: int = 0


class _Fillings:
    """Every span gets its filling: the next mask, or the stop, comes in time and in order."""

    def __init__(self, loaded: LoadedModel, most: Sequence[int]) -> None:
        vocabulary = loaded.tokenizer.vocabulary
        self.most = most
        self.masks = vocabulary.ids(SPAN_MASKS).tolist()
        self.residues = np.isin(np.arange(len(vocabulary)), vocabulary.ids(RESIDUES))
        self.stops = np.isin(np.arange(len(vocabulary)), vocabulary.ids(_STOPS))

    def start(self, prompt: Prompt) -> _Place:
        """Before the first filling."""
        return _Place()

    def allowed(self, state: _Place, left: int) -> np.ndarray:
        """Residues while there is room, and what ends the filling."""
        room = state.size < self.most[state.span]
        mask = self.residues.copy() if room else np.zeros_like(self.residues)
        if state.span + 1 < len(self.most):
            mask[self.masks[state.span + 1]] = True
            return mask
        return mask | self.stops

    def advance(self, state: _Place, token: int) -> _Place:
        """One residue more, or the next filling."""
        if self.residues[token]:
            return _Place(state.span, state.size + 1)
        return _Place(state.span + 1)


def _not_empty(prompts: Iterable[Record]) -> Iterator[Record]:
    for record in prompts:
        if not record.sequence.strip():
            raise InputError(
                "A prompt is empty.",
                where=f"prompt {record.name!r}",
                fix="Give at least one residue, or no prompt at all.",
            )
        yield record


def _record_of(records: Iterator[Record]) -> Any:
    """A function from the number of a prompt, rising, to its record."""
    at, record = -1, Record("", "")

    def find(number: int) -> Record:
        nonlocal at, record
        while at < number:
            at, record = at + 1, next(records)
        return record

    return find


def _generated(record: Record, sample: Sample, sequence: str, fills: tuple = ()) -> Generated:
    return Generated(
        f"{record.name}_{sample.number + 1}",
        sequence,
        sample.finished,
        len(sample.ids) + sample.finished,
        sample.log_likelihood,
        fills,
    )


def _proteins(
    loaded: LoadedModel, samples: Iterator[Sample], records: Iterator[Record]
) -> Iterator[Generated]:
    find = _record_of(records)
    for sample in samples:
        record = find(sample.prompt)
        start = loaded.tokenizer.encode(record.sequence, special_tokens=False)
        text = loaded.tokenizer.decode(np.concatenate([start, sample.ids]))
        yield _generated(record, sample, text)


def _filled(
    reader: _Reader, samples: Iterator[Sample], records: Iterator[Record], spans: Sequence[Span]
) -> Iterator[Generated]:
    find = _record_of(records)
    for sample in samples:
        record = find(sample.prompt)
        fills = read_fills(sample.ids)
        yield _generated(record, sample, fill_in(reader.plain(record), spans, fills), tuple(fills))
