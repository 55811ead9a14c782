"""Heads that both families share: causal and masked tokens, labels of sequences and of tokens."""

# Shapes: B batch, T time, D width (2D for two strands), V vocabulary, K labels.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError, ModelError
from ..layers.reverse_complement import RCPSHead
from .cache import SequenceCache
from .outputs import SequenceLabelOutput, SequenceLMOutput


class TokenHeadMixin:
    """A backbone and a matrix of token scores; the base of both language-model heads."""

    def _build(self, config: Any, backbone: nn.Module) -> None:
        self.backbone = backbone
        width = backbone.embed.tokens.embedding_dim if config.head_reads_tokens else None
        width = width or config.hidden_size
        vocab = backbone.embed.tokens.num_embeddings
        if config.rcps:
            self.lm_head = RCPSHead(width, vocab, config.strand_table)
        else:
            self.lm_head = nn.Linear(width, vocab, bias=False)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding."""
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the token embedding."""
        self.backbone.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The token head."""
        return self.lm_head

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the token head."""
        self.lm_head = value

    def _logits(self, x_BTD: Tensor) -> Tensor:
        if self.config.head_reads_tokens:
            x_BTD = x_BTD[..., : self.lm_head.in_features]
        logits = self.lm_head(x_BTD.to(self.lm_head.weight.dtype))
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        cap = self.config.logit_soft_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def _token_output(
        self,
        hidden: Any,
        labels: Tensor | None,
        logits_to_keep: int | Tensor,
        return_dict: bool | None,
        **kwargs: Any,
    ) -> SequenceLMOutput | tuple[Any, ...]:
        x = hidden.last_hidden_state
        if isinstance(logits_to_keep, Tensor):
            x = x[:, logits_to_keep]
        elif logits_to_keep:
            x = x[:, -logits_to_keep:]
        logits = self._logits(x)
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=logits.shape[-1], **kwargs
            )
        output = SequenceLMOutput(
            loss=loss,
            logits=logits,
            cache_params=hidden.get("cache_params"),
            hidden_states=hidden.get("hidden_states"),
        )
        return output if return_dict or return_dict is None else output.to_tuple()


class CausalHeadMixin(TokenHeadMixin):
    """Next-token scores, and `generate()` at constant memory per sequence."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        seq_idx: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        cache_params: SequenceCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> SequenceLMOutput | tuple[Any, ...]:
        """Scores of the next token at each position.

        Arguments are the backbone's; `labels` (B, T) are the input ids themselves, shifted here,
        with -100 where nothing is to be learnt; `logits_to_keep` > 0 scores the last positions
        only.
        """
        hidden = self.backbone(
            input_ids,
            attention_mask,
            position_ids,
            seq_position_ids,
            seq_idx,
            inputs_embeds,
            cache_params,
            use_cache,
            output_hidden_states,
            return_dict=True,
        )
        return self._token_output(hidden, labels, logits_to_keep, return_dict, **kwargs)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        cache_params: SequenceCache | None = None,
        attention_mask: Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Arguments of the next call while generating; transformers calls this."""
        inputs = super().prepare_inputs_for_generation(
            input_ids,
            cache_params=cache_params,
            attention_mask=attention_mask,
            is_first_iteration=is_first_iteration,
            **kwargs,
        )
        if cache_params is not None and not is_first_iteration:
            # Padding was read with the prompt; from here on every token is real.
            inputs["attention_mask"] = None
        numbers = inputs.get("seq_position_ids")
        if numbers is not None:
            length = inputs["input_ids"].shape[1] if inputs.get("input_ids") is not None else None
            if length is not None and numbers.shape[1] > length:
                inputs["seq_position_ids"] = numbers[:, -length:]
        return inputs

    def _prepare_position_ids_for_generation(
        self, inputs_tensor: Tensor, model_kwargs: dict[str, Any]
    ) -> Tensor:
        ids = super()._prepare_position_ids_for_generation(inputs_tensor, model_kwargs)
        ids = ids.expand(inputs_tensor.shape[0], -1)
        cache = model_kwargs.get("cache_params")
        return ids if cache is None else ids + cache.position[:, None].to(ids.device)

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        # The first call makes our own cache; transformers need not prepare one.
        return False

    def _reorder_cache(self, cache: SequenceCache, beam_idx: Tensor) -> SequenceCache:
        return cache.select_rows(beam_idx)


class MaskedHeadMixin(TokenHeadMixin):
    """Token scores at the same position, for masked language modelling."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        seq_idx: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceLMOutput | tuple[Any, ...]:
        """Scores of the token at each position; `labels` (B, T) are -100 where not masked."""
        hidden = self.backbone(
            input_ids,
            attention_mask,
            position_ids,
            seq_position_ids,
            seq_idx,
            inputs_embeds,
            use_cache=False,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        return self._token_output(hidden, labels, 0, return_dict, **kwargs)


class LabelHeadMixin:
    """Backbone, dropout and a linear layer; the base of both labelling heads."""

    # Losses here are means over the batch; the Trainer is to average them over accumulated steps.
    accepts_loss_kwargs = False

    def _build(self, config: Any, backbone: nn.Module) -> None:
        self.num_labels = config.num_labels
        self.backbone = backbone
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding."""
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the token embedding."""
        self.backbone.set_input_embeddings(value)

    def _strand_mean(self, x_BTD: Tensor) -> Tensor:
        """One strand's channels: the mean of both strands, in the order of the input."""
        if not self.config.rcps:
            return x_BTD
        ahead, back = x_BTD.chunk(2, dim=-1)
        return (ahead + back.flip(-1)) / 2

    def _features(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        hidden = self.backbone(*args, use_cache=False, return_dict=True, **kwargs)
        x = self._strand_mean(hidden.last_hidden_state)
        return x.to(self.classifier.weight.dtype), hidden.get("hidden_states")


class SequenceLabelMixin(LabelHeadMixin):
    """One label (or several, or a number) for a whole sequence, from pooled hidden states."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceLabelOutput | tuple[Any, ...]:
        """Scores (B, K).

        The loss follows ``config.problem_type``: ``regression``, ``single_label_classification``
        or ``multi_label_classification``; padding is left out of the pooling.
        """
        x_BTD, hidden = self._features(
            input_ids,
            attention_mask,
            position_ids,
            seq_position_ids,
            None,
            inputs_embeds,
            output_hidden_states=output_hidden_states,
        )
        logits = self.classifier(self.dropout(self._pool(x_BTD, attention_mask)))
        loss = None
        if labels is not None:
            loss = self.loss_function(
                labels=labels, pooled_logits=logits, config=self.config, **kwargs
            )
        output = SequenceLabelOutput(loss=loss, logits=logits, hidden_states=hidden)
        return output if return_dict or return_dict is None else output.to_tuple()

    def _pool(self, x_BTD: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            mask = torch.ones(x_BTD.shape[:2], dtype=torch.bool, device=x_BTD.device)
        mask = mask.bool()
        if not bool(mask.any(1).all()):
            raise InputError(
                "A sequence consists of padding only.",
                where="attention_mask",
                fix="Leave empty sequences out of the batch.",
            )
        kind = self.config.pooling
        if kind == "mean":
            weight = mask[..., None].to(x_BTD.dtype)
            return (x_BTD * weight).sum(1) / weight.sum(1)
        count = torch.arange(x_BTD.shape[1], device=x_BTD.device)
        if kind == "last":
            index = (mask * count).amax(1)
        else:
            index = mask.int().argmax(1)
        return x_BTD[torch.arange(len(x_BTD), device=x_BTD.device), index]


class TokenLabelMixin(LabelHeadMixin):
    """A label, or a number, for each position."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        seq_idx: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceLabelOutput | tuple[Any, ...]:
        """Scores (B, T, K).

        Integer labels (B, T) give cross-entropy, -100 is left out. With
        ``config.problem_type="regression"`` labels are numbers, NaN is left out.
        """
        x_BTD, hidden = self._features(
            input_ids,
            attention_mask,
            position_ids,
            seq_position_ids,
            seq_idx,
            inputs_embeds,
            output_hidden_states=output_hidden_states,
        )
        logits = self.classifier(self.dropout(x_BTD))
        loss = None
        if labels is not None:
            if self.config.problem_type == "regression":
                target = labels.to(logits.dtype).view(logits.shape)
                known = ~target.isnan()
                loss = F.mse_loss(logits[known], target[known])
            else:
                loss = self.loss_function(logits, labels, self.config, **kwargs)
        output = SequenceLabelOutput(loss=loss, logits=logits, hidden_states=hidden)
        return output if return_dict or return_dict is None else output.to_tuple()


def check_causal(config: Any, name: str) -> None:
    """Refuse a configuration that reads ahead where the next token is to be predicted.

    Raises
    ------
    ModelError
        The configuration is two-way or shares both strands.
    """
    if not config.is_causal:
        raise ModelError(
            f"{name} predicts the next token, but this configuration reads it.",
            where=f"bidirectional={config.bidirectional!r}, rcps={config.rcps}",
            fix="Use the ForMaskedLM class, or set bidirectional='none' and rcps=False.",
        )
