"""Prefill once, then one step a token: batched, at constant memory, the same in any batch."""

# Shapes: B sequences of a batch, P prompts of a batch, T time, V vocabulary.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, UsageError
from .sampling import Sampling, draw_tokens, filter_logits, sequence_generator


class Constraint(Protocol):
    """What may be written next; states are values, so that sequences do not share them."""

    def start(self, prompt: Prompt) -> Any:
        """State before the first new token."""

    def allowed(self, state: Any, left: int) -> np.ndarray:
        """Tokens that may come, bool (V,), when `left` tokens may still be written with this one.

        At least one that is a stop or a token of the generated alphabet must be among them.
        """

    def advance(self, state: Any, token: int) -> Any:
        """State after a token."""


@dataclass(frozen=True)
class Prompt:
    """What a model reads before it writes.

    Parameters
    ----------
    ids
        Tokens, at least one; int64 (T,).
    position_ids, seq_position_ids
        Positions of the tokens where the model cannot count them itself; int64 (T,).
    next_position
        Position of the first new token, where `position_ids` are given; default: the next one.
    jumps
        Positions of tokens that jump when they are written: the token and the one after it have
        the position named here (masks of spans).
    limit
        Most new tokens; default: that of the call.
    """

    ids: np.ndarray
    position_ids: np.ndarray | None = None
    seq_position_ids: np.ndarray | None = None
    next_position: int | None = None
    jumps: Mapping[int, int] = field(default_factory=dict)
    limit: int | None = None


@dataclass(frozen=True)
class Sample:
    """One sequence that a model wrote.

    Parameters
    ----------
    prompt, number
        Which prompt it goes on from, and which of the prompt's sequences it is; from 0.
    ids
        The new tokens, without the stop; int64 (T,).
    finished
        Whether the model stopped by itself.
    log_likelihood
        Natural logarithm of the model's own probability of these tokens and the stop.
    """

    prompt: int
    number: int
    ids: np.ndarray
    finished: bool
    log_likelihood: float


@dataclass
class _Row:
    prompt: int
    number: int
    given: Prompt
    generator: torch.Generator
    state: Any
    position: int
    limit: int
    tokens: list[int] = field(default_factory=list)
    log_likelihood: float = 0.0
    finished: bool = False

    def sample(self) -> Sample:
        ids = np.array(self.tokens, dtype=np.int64)
        return Sample(self.prompt, self.number, ids, self.finished, self.log_likelihood)


def generate_ids(
    model: Any,
    prompts: Iterable[Prompt],
    *,
    num: int = 1,
    max_new_tokens: int = 128,
    sampling: Sampling | None = None,
    stop_ids: Sequence[int] = (),
    allowed_ids: Sequence[int] | None = None,
    constraint: Constraint | None = None,
    context: Prompt | None = None,
    last_position: int | None = None,
    pad_id: int = 0,
    seed: int = 0,
    batch_size: int = 16,
    first: int = 0,
) -> Iterator[Sample]:
    """Sequences that a causal model writes, one by one in the order of the prompts.

    Each prompt is read once however many sequences go on from it, and `context` once for all
    prompts. What is kept while writing does not grow. A sequence has its own source of chance, from
    the seed, its prompt's number and its own; up to rounding in the model's sums it is the same in
    any batch.

    Parameters
    ----------
    model
        A causal model of `biosequence.models`, in evaluation mode.
    prompts
        What to go on from; taken from the stream as needed.
    num
        Sequences for each prompt.
    max_new_tokens
        Most new tokens of a sequence, the stop included.
    sampling
        How tokens are drawn; default: from the model's own probabilities.
    stop_ids
        Tokens that end a sequence.
    allowed_ids
        Other tokens that may be written; default: all.
    constraint
        Further restriction, which knows what was written so far.
    context
        What the model reads before every prompt.
    last_position
        Larger positions become this one, where prompts give positions.
    pad_id
        Token that fills up shorter prompts; the model does not see it.
    seed
        Seed of the run.
    batch_size
        Sequences written at once.
    first
        Begin with this sequence, counted over all prompts; the ones before are left out.

    Raises
    ------
    UsageError
        A number is out of range.
    InputError
        A prompt is empty.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> config = BioMambaConfig(vocab_size=8, hidden_size=16, num_hidden_layers=1)
    >>> model = BioMambaForCausalLM(config).eval()
    >>> prompt = Prompt(np.array([1, 2, 3]))
    >>> [len(one.ids) for one in generate_ids(model, [prompt], num=3, max_new_tokens=5)]
    [5, 5, 5]
    """
    for name, value, least in [
        ("num", num, 1),
        ("max_new_tokens", max_new_tokens, 1),
        ("batch_size", batch_size, 1),
        ("first", first, 0),
    ]:
        if value < least:
            raise UsageError(
                f"{name}={value} is not possible.",
                where=f"option {name}",
                fix=f"Give {least} or more.",
            )
    writer = _Writer(
        model=model,
        sampling=sampling or Sampling(),
        stops=frozenset(map(int, stop_ids)),
        allowed=_allowed(model, stop_ids, allowed_ids),
        constraint=constraint,
        last_position=last_position,
        pad_id=pad_id,
        max_new_tokens=max_new_tokens,
        seed=seed,
    )
    return _stream(writer, prompts, num, context, batch_size, first)


def _stream(
    writer: _Writer,
    prompts: Iterable[Prompt],
    num: int,
    context: Prompt | None,
    batch_size: int,
    first: int,
) -> Iterator[Sample]:
    tasks = (
        (number, sample, prompt)
        for number, prompt in enumerate(prompts)
        for sample in range(num)
        if number * num + sample >= first
    )
    if context is not None:
        writer.read_context(context)
    while batch := list(islice(tasks, batch_size)):
        for row in writer.write(batch):
            yield row.sample()


def _allowed(
    model: Any, stop_ids: Sequence[int], allowed_ids: Sequence[int] | None
) -> np.ndarray | None:
    if allowed_ids is None:
        return None
    allowed = np.zeros(model.get_output_embeddings().weight.shape[0], dtype=bool)
    allowed[list(allowed_ids)] = True
    allowed[list(stop_ids)] = True
    return allowed


@dataclass
class _Writer:
    model: Any
    sampling: Sampling
    stops: frozenset[int]
    allowed: np.ndarray | None
    constraint: Constraint | None
    last_position: int | None
    pad_id: int
    max_new_tokens: int
    seed: int
    context: Any = None
    # Number, scores and state of the last prompt, which the next batch may go on from.
    last_read: tuple[int, Tensor, Any] | None = None

    @torch.inference_mode()
    def read_context(self, context: Prompt) -> None:
        """Read what stands before every prompt."""
        _, self.context = self._prefill([context], None)

    @torch.inference_mode()
    def write(self, batch: list[tuple[int, int, Prompt]]) -> list[_Row]:
        """Whole sequences of a batch of (number of the prompt, number of the sequence, prompt)."""
        rows = [self._row(*task) for task in batch]
        logits, cache = self._read(batch)
        self._decode(rows, logits, cache)
        return rows

    def _row(self, number: int, sample: int, prompt: Prompt) -> _Row:
        if not len(prompt.ids):
            raise InputError(
                "A prompt has no token.",
                where=f"prompt {number + 1}",
                fix="Give at least the token that opens a sequence.",
            )
        position = prompt.next_position
        if position is None and prompt.position_ids is not None:
            position = int(prompt.position_ids[-1]) + 1
        return _Row(
            number,
            sample,
            prompt,
            sequence_generator(self.seed, number, sample),
            None if self.constraint is None else self.constraint.start(prompt),
            position or 0,
            prompt.limit or self.max_new_tokens,
        )

    def _read(self, batch: list[tuple[int, int, Prompt]]) -> tuple[Tensor, Any]:
        """Scores (B, V) and states after the prompts, each prompt read once."""
        prompts = {number: prompt for number, _, prompt in batch}
        known = self.last_read if self.last_read and self.last_read[0] in prompts else None
        new = [number for number in prompts if known is None or number != known[0]]
        parts = [] if known is None else [known[1:]]
        if new:
            context = None if self.context is None else self.context.repeat(len(new))
            parts.append(self._prefill([prompts[number] for number in new], context))
        order = [number for number in prompts if number not in new] + new
        rows = torch.tensor([order.index(number) for number, _, _ in batch])
        logits, cache = _joined(parts)
        last = order.index(batch[-1][0])
        self.last_read = (
            batch[-1][0],
            logits[last : last + 1],
            cache.select_rows(torch.tensor([last])),
        )
        return logits[rows], cache.select_rows(rows)

    def _prefill(self, prompts: list[Prompt], cache: Any) -> tuple[Tensor, Any]:
        device = next(self.model.parameters()).device
        # A state goes on with the first position: behind it, padding can only stand on the right.
        right = cache is not None
        ids, mask = _padded([prompt.ids for prompt in prompts], self.pad_id, right)
        inputs: dict[str, Tensor] = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
        for name in ("position_ids", "seq_position_ids"):
            given = [getattr(prompt, name) for prompt in prompts]
            if given[0] is not None:
                inputs[name] = _padded(given, 0, right)[0].to(device)
        sizes = mask.sum(1)
        kept = int(ids.shape[1] - sizes.min() + 1) if right else 1
        output = self.model(**inputs, cache_params=cache, use_cache=True, logits_to_keep=kept)
        last = kept - 1 - (ids.shape[1] - sizes if right else 0 * sizes)
        logits = output.logits[torch.arange(len(prompts), device=device), last.to(device)]
        return logits.float().cpu(), output.cache_params

    def _decode(self, rows: list[_Row], logits: Tensor, cache: Any) -> None:
        device = next(self.model.parameters()).device
        while True:
            tokens = self._choose(rows, logits)
            going = [n for n, row in enumerate(rows) if self._take(row, int(tokens[n]))]
            if not going:
                return
            if len(going) < len(rows):
                kept = torch.tensor(going)
                rows, tokens, cache = (
                    [rows[n] for n in going],
                    tokens[kept],
                    cache.select_rows(kept),
                )
            inputs = {"input_ids": tokens[:, None].to(device)}
            if rows[0].given.position_ids is not None:
                places = [self._place(row, token) for row, token in zip(rows, tokens, strict=True)]
                inputs["position_ids"] = torch.tensor(places, device=device)[:, None]
            output = self.model(**inputs, cache_params=cache, use_cache=True)
            logits, cache = output.logits[:, -1].float().cpu(), output.cache_params

    def _choose(self, rows: list[_Row], logits: Tensor) -> Tensor:
        masks = [self._mask(row) for row in rows]
        allowed = logits
        if masks[0] is not None:
            allowed = logits.masked_fill(~torch.from_numpy(np.stack(masks)), -torch.inf)
        if self.sampling.greedy:
            tokens = allowed.argmax(-1)
        else:
            chance = torch.cat(
                [torch.rand(1, dtype=torch.float64, generator=row.generator) for row in rows]
            )
            tokens = draw_tokens(filter_logits(allowed, self.sampling), chance)
        scores = logits.log_softmax(-1).gather(1, tokens[:, None])[:, 0].tolist()
        for row, score in zip(rows, scores, strict=True):
            row.log_likelihood += score
        return tokens

    def _mask(self, row: _Row) -> np.ndarray | None:
        if self.constraint is None:
            return self.allowed
        mask = self.constraint.allowed(row.state, row.limit - len(row.tokens))
        if self.allowed is None:
            return mask
        # The model's table may have rows behind the last token.
        return self.allowed & np.pad(mask, (0, len(self.allowed) - len(mask)))

    def _take(self, row: _Row, token: int) -> bool:
        """Add a token to a sequence; whether the sequence goes on."""
        if token in self.stops:
            row.finished = True
            return False
        row.tokens.append(token)
        if self.constraint is not None:
            row.state = self.constraint.advance(row.state, token)
        return len(row.tokens) < row.limit

    def _place(self, row: _Row, token: Tensor) -> int:
        jump = row.given.jumps.get(int(token))
        place = row.position if jump is None else jump
        row.position = place + (jump is None)
        return place if self.last_position is None else min(place, self.last_position)


def _joined(parts: list[tuple[Tensor, Any]]) -> tuple[Tensor, Any]:
    (logits, cache), *rest = parts
    for more_logits, more_cache in rest:
        logits = torch.cat((logits, more_logits))
        cache = cache.join(more_cache)
    return logits, cache


def _padded(rows: Sequence[np.ndarray], fill: int, right: bool) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), fill, dtype=torch.int64)
    mask = torch.zeros(len(rows), width, dtype=torch.int64)
    for number, row in enumerate(rows):
        start = 0 if right else width - len(row)
        here = slice(start, start + len(row))
        ids[number, here] = torch.as_tensor(np.asarray(row, dtype=np.int64))
        mask[number, here] = 1
    return ids, mask
