"""The stack that both families share: embed, read in the configured directions, norm."""

# Shapes: B batch, T time, D width (2D channels where both strands share parameters).

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError, UsageError
from ..layers.bidirectional import run_both_ways, run_reversed
from ..layers.place import Place, default_positions, last_real
from ..layers.reverse_complement import run_on_strands, swap_halves
from .cache import SequenceCache
from .outputs import SequenceModelOutput


class BackboneMixin:
    """Forward pass over ``self.embed``, ``self.layers`` and ``self.norm``.

    A subclass sets these, ``gradient_checkpointing`` and the configuration; see the fields that
    are read here in :class:`~biosequence.models.BioXLSTMConfig`.
    """

    gradient_checkpointing = False

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        seq_idx: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        cache_params: SequenceCache | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceModelOutput | tuple[Any, ...]:
        """Hidden states of token ids.

        Parameters
        ----------
        input_ids
            (B, T) token ids; or give `inputs_embeds`.
        attention_mask
            (B, T) or longer, 0 at padding. Padding may stand left or right and changes nothing.
        position_ids
            (B, T) positions for models that have positions; counted from the mask by default.
        seq_position_ids
            (B, T) number of the sequence in its context, for two-part positions.
        seq_idx
            (B, T) number of the document, for packed batches: nothing passes between documents.
        inputs_embeds
            (B, T, D) instead of ids.
        cache_params
            States to continue from (causal models).
        use_cache
            Return states to continue from; default: the configuration's, never while training.
        output_hidden_states
            Return the input of every block too.
        return_dict
            Return an object, which is the default, rather than a tuple.

        Raises
        ------
        InputError
            Both or neither of ids and embeddings, or a mask of another shape.
        UsageError
            A cache for a model that reads both ways.
        """
        config = self.config
        if (input_ids is None) == (inputs_embeds is None):
            raise InputError(
                "A model needs either input_ids or inputs_embeds.",
                where=type(self).__name__,
                fix="Give one of the two.",
            )
        shape = (input_ids if inputs_embeds is None else inputs_embeds).shape[:2]
        use_cache = self._wants_cache(use_cache, cache_params)
        place = self._place(shape, attention_mask, position_ids, seq_position_ids, seq_idx)
        place = self._with_positions(place, shape, cache_params, input_ids, inputs_embeds)
        read = partial(self._read, output_hidden_states=bool(output_hidden_states))
        chunk = config.prefill_chunk
        if chunk and shape[1] > chunk and config.is_causal and not torch.is_grad_enabled():
            x, states, hidden = self._read_in_chunks(
                read, chunk, input_ids, inputs_embeds, place, cache_params
            )
        else:
            states = cache_params.layers if cache_params is not None else None
            x, states, hidden = read(input_ids, inputs_embeds, place, states, use_cache)
        cache = self._next_cache(states, place, shape, cache_params) if use_cache else None
        if return_dict is None:
            return_dict = getattr(config, "return_dict", True)
        if not return_dict:
            return tuple(part for part in (x, cache, hidden) if part is not None)
        return SequenceModelOutput(last_hidden_state=x, cache_params=cache, hidden_states=hidden)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding."""
        return self.embed.tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the token embedding."""
        self.embed.tokens = value

    def _wants_cache(self, use_cache: bool | None, cache: SequenceCache | None) -> bool:
        if not self.config.is_causal:
            if cache is not None or use_cache:
                raise UsageError(
                    "This model reads both ways or both strands, so it has no state to go on from.",
                    where="use_cache / cache_params",
                    fix="Give the whole sequence at once, without a cache.",
                )
            return False
        if use_cache is None:
            return cache is not None or (self.config.use_cache and not self.training)
        return use_cache

    def _place(
        self,
        shape: tuple[int, int],
        mask: Tensor | None,
        position_ids: Tensor | None,
        seq_position_ids: Tensor | None,
        seq_idx: Tensor | None,
    ) -> Place:
        batch, length = shape
        if mask is not None:
            if mask.ndim != 2 or mask.shape[0] != batch or mask.shape[1] < length:
                raise InputError(
                    f"attention_mask has the shape {tuple(mask.shape)}, the input {shape}.",
                    where="attention_mask",
                    fix="Give one 0 or 1 for each position.",
                )
            # While decoding, transformers hands over the mask of all positions so far.
            mask = mask[:, -length:].bool()
            mask = None if bool(mask.all()) else mask
        ids = position_ids if position_ids is None else position_ids.expand(batch, -1)
        return Place(
            mask=mask, seq_idx=seq_idx, position_ids=ids, seq_position_ids=seq_position_ids
        )

    def _with_positions(
        self,
        place: Place,
        shape: tuple[int, int],
        cache: SequenceCache | None,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> Place:
        """Positions for models that have them; others need none."""
        if not self.config.has_positions:
            return Place(mask=place["mask"], seq_idx=place["seq_idx"])
        device = (input_ids if inputs_embeds is None else inputs_embeds).device
        if place["position_ids"] is None:
            mask, seq_idx = place["mask"], place["seq_idx"]
            ids = default_positions(*shape, device, mask=mask, seq_idx=seq_idx)
            if cache is not None:
                goes_on = 1 if seq_idx is None else (seq_idx == seq_idx[:, :1]).long()
                ids = ids + cache.position[:, None] * goes_on
            place["position_ids"] = ids
        if place["seq_position_ids"] is None and self.config.has_seq_positions:
            number = torch.zeros_like(place["position_ids"])
            if cache is not None and cache.seq_position is not None:
                number = number + cache.seq_position[:, None]
            place["seq_position_ids"] = number
        return place

    def _read_in_chunks(
        self,
        read: Any,
        chunk: int,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        place: Place,
        cache: SequenceCache | None,
    ) -> tuple[Tensor, Any, Any]:
        """Read piece by piece through the states: memory for one piece, the same numbers."""
        states = cache.layers if cache is not None else None
        xs, hiddens = [], []
        length = (input_ids if inputs_embeds is None else inputs_embeds).shape[1]
        for start in range(0, length, chunk):
            here = slice(start, start + chunk)
            ids, embeds, *_ = (
                None if x is None else x[:, here] for x in (input_ids, inputs_embeds)
            )
            part = Place({k: None if v is None else v[:, here] for k, v in place.items()})
            if start and place.get("seq_idx") is not None:
                states = self._fresh_documents(states, place["seq_idx"], start)
            x, states, hidden = read(ids, embeds, part, states, True)
            xs.append(x)
            hiddens.append(hidden)
        hidden = None
        if hiddens[0] is not None:
            hidden = tuple(torch.cat(parts, 1) for parts in zip(*hiddens, strict=True))
        return torch.cat(xs, 1), states, hidden

    def _fresh_documents(self, states: Any, seq_idx: Tensor, start: int) -> Any:
        """States with zeros in rows where a new document begins at `start`."""
        same = seq_idx[:, start] == seq_idx[:, start - 1]
        kept = SequenceCache(states, same)._map(
            lambda x: x * same.view(-1, *[1] * (x.ndim - 1)).to(x.dtype)
        )
        return kept.layers

    def _read(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        place: Place,
        states: tuple[Any, ...] | None,
        need_state: bool,
        *,
        output_hidden_states: bool,
    ) -> tuple[Tensor, tuple[Any, ...] | None, tuple[Tensor, ...] | None]:
        x = self.embed(input_ids, inputs_embeds, place)
        if self.config.residual_in_fp32:
            x = x.to(torch.promote_types(x.dtype, torch.float32))
        hidden, after = [], []
        one = states is not None and x.shape[1] == 1
        if one and place.get("mask") is None and place.get("seq_idx") is None:
            run = self._step
        else:
            run = self._whole
        for number, layer in enumerate(self.layers):
            hidden.append(x)
            state = None if states is None else states[number]
            x, state = run(number, layer, x, state, need_state, place)
            after.append(state)
        x = self._final(x)
        hidden.append(x)
        return (
            x,
            tuple(after) if need_state else None,
            tuple(hidden) if output_hidden_states else None,
        )

    def _step(
        self, number: int, layer: nn.Module, x: Tensor, state: Any, need: bool, place: Place
    ) -> tuple[Tensor, Any]:
        ids = {
            name: place[name]
            for name in ("position_ids", "seq_position_ids")
            if place.get(name) is not None
        }
        y, state = layer.step(x[:, 0], state, **ids)
        return y[:, None], state

    def _whole(
        self, number: int, layer: nn.Module, x: Tensor, state: Any, need: bool, place: Place
    ) -> tuple[Tensor, Any]:
        config = self.config
        if config.is_causal:
            return self._run(partial(layer, need_state=need, **place), x, state)

        def directed(x: Tensor, **place: Any) -> Tensor:
            if config.reads_reversed(number):
                return run_reversed(layer, x, **place)
            if config.bidirectional in ("sum", "sum_legacy"):
                return run_both_ways(layer, x, legacy=config.bidirectional == "sum_legacy", **place)
            return layer(x, need_state=False, **place)[0]

        if not config.rcps:
            return self._run(partial(directed, **place), x), None
        if config.rcps_swap:
            x = swap_halves(x)
        return self._run(partial(run_on_strands, directed, **place), x), None

    def _run(self, call: Any, *inputs: Any) -> Any:
        if self.gradient_checkpointing and self.training:
            return self._gradient_checkpointing_func(call, *inputs)
        return call(*inputs)

    def _final(self, x: Tensor) -> Tensor:
        if not self.config.rcps:
            return self.norm(x)
        return run_on_strands(lambda strand, **place: self.norm(strand), x)

    def _next_cache(
        self,
        states: tuple[Any, ...],
        place: Place,
        shape: tuple[int, int],
        before: SequenceCache | None,
    ) -> SequenceCache:
        device = next(self.parameters()).device
        mask, ids = place["mask"], place.get("position_ids")
        length = shape[1] + (0 if before is None else before.length)
        if before is None:
            start = torch.zeros(shape[0], dtype=torch.int64, device=device)
        else:
            start = before.position
        if mask is None:
            end = torch.full((shape[0],), shape[1], device=device)
        else:
            end = last_real(mask)
        if ids is None:
            read = end if mask is None else mask.sum(1)
            return SequenceCache(states, start + read, length=length)
        last = (end - 1).clamp(min=0)[:, None]
        position = torch.where(end > 0, ids.gather(1, last)[:, 0] + 1, start)
        numbers = place.get("seq_position_ids")
        number = None if numbers is None else numbers.gather(1, last)[:, 0]
        return SequenceCache(states, position, number, length)
