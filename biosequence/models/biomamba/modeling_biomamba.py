"""State-space models for biological sequences: Mamba, Mamba-2, BiMamba, Caduceus, ProtMamba."""

# Shapes: B batch, T time, D width.

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers import initialization as init

from ...layers.bidirectional import BidirectionalMixer
from ...layers.block import ResidualBlock
from ...layers.convolution import CausalConv
from ...layers.mixers.mamba import MambaMixer, initial_dt_bias
from ...layers.mixers.mamba2 import Mamba2Mixer
from ...layers.norms import GatedRMSNorm, LayerNorm, RMSNorm
from ...layers.reverse_complement import RCPSHead
from ..backbone import BackboneMixin
from ..embedding import TokenEmbedding
from ..heads import (
    CausalHeadMixin,
    MaskedHeadMixin,
    SequenceLabelMixin,
    TokenLabelMixin,
    check_causal,
)
from .configuration_biomamba import BioMambaConfig


def build_mixer(config: BioMambaConfig) -> nn.Module:
    """The mixer of a configuration, in one direction or in both.

    Examples
    --------
    >>> type(build_mixer(BioMambaConfig(hidden_size=64, mixer="mamba2"))).__name__
    'Mamba2Mixer'
    """
    if config.bidirectional == "none":
        return _one_way(config)
    return BidirectionalMixer(
        _one_way(config),
        _one_way(config),
        tie_projections=config.tie_bidirectional_projections,
        strategy=config.bidirectional,
    )


def _one_way(config: BioMambaConfig) -> nn.Module:
    shared = {
        "state_size": config.state_size,
        "expand": config.expand,
        "conv_kernel": config.conv_kernel,
        "bias": config.use_bias,
        "conv_bias": config.use_conv_bias,
        "dt_limits": (config.time_step_min, config.time_step_max),
        "backend": config.kernel_backend,
    }
    if config.mixer == "mamba":
        return MambaMixer(
            config.hidden_size,
            dt_rank=config.time_step_rank,
            rms_eps=config.bcdt_rms_eps,
            **shared,
        )
    return Mamba2Mixer(
        config.hidden_size,
        head_width=config.head_dim,
        num_groups=config.num_groups,
        chunk_size=config.chunk_size,
        dt_limit=config.dt_limit,
        norm_eps=config.norm_eps,
        **shared,
    )


def _norm(config: BioMambaConfig) -> nn.Module:
    if config.norm == "rms":
        return RMSNorm(config.hidden_size, eps=config.norm_eps)
    return LayerNorm(config.hidden_size, eps=config.norm_eps, bias=True)


class BioMambaPreTrainedModel(PreTrainedModel):
    """Initialisation and the switches that transformers reads."""

    config: BioMambaConfig
    config_class = BioMambaConfig
    base_model_prefix = "backbone"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["ResidualBlock"]
    _is_stateful = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw the weights of one module as the Mamba papers' code does."""
        config = self.config
        if isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding | RCPSHead):
            init.normal_(module.weight, std=config.initializer_range)
        elif isinstance(module, LayerNorm | RMSNorm | GatedRMSNorm):
            init.ones_(module.weight)
            if getattr(module, "bias", None) is not None:
                init.zeros_(module.bias)
        elif isinstance(module, CausalConv):
            bound = module.kernel_size**-0.5
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, MambaMixer):
            self._init_mamba(module)
        elif isinstance(module, Mamba2Mixer):
            init.copy_(module.A_log, torch.empty_like(module.A_log).uniform_(1, 16).log())
            init.ones_(module.D)
            init.copy_(module.dt_bias, _dt_bias(module, module.num_heads))
        if isinstance(module, MambaMixer | Mamba2Mixer):
            # Residual branches start smaller the deeper the stack.
            bound = (module.inner * config.num_hidden_layers) ** -0.5
            init.uniform_(module.out_proj.weight, -bound, bound)

    def _init_mamba(self, mixer: MambaMixer) -> None:
        rates = torch.arange(1, mixer.state_size + 1, dtype=torch.float32)
        rates = rates.to(mixer.A_log.device).log().expand(mixer.inner, -1)
        init.copy_(mixer.A_log, rates)
        init.ones_(mixer.D)
        bound = mixer.dt_rank**-0.5
        init.uniform_(mixer.dt_proj.weight, -bound, bound)
        init.copy_(mixer.dt_proj.bias, _dt_bias(mixer, mixer.inner))


def _dt_bias(mixer: MambaMixer | Mamba2Mixer, count: int) -> torch.Tensor:
    return initial_dt_bias(count, mixer.dt_limits, mixer.A_log.device)


class BioMambaModel(BackboneMixin, BioMambaPreTrainedModel):
    """The stack without a head: ids to hidden states.

    Examples
    --------
    >>> import torch
    >>> model = BioMambaModel(BioMambaConfig(hidden_size=16, num_hidden_layers=2)).eval()
    >>> with torch.no_grad():
    ...     output = model(torch.tensor([[1, 2, 3]]))
    >>> tuple(output.last_hidden_state.shape), output.cache_params.position.tolist()
    ((1, 3, 16), [3])
    """

    def __init__(self, config: BioMambaConfig) -> None:
        super().__init__(config)
        self.embed = TokenEmbedding(
            config.padded_vocab_size,
            config.hidden_size,
            positions=config.position_embeddings,
            max_positions=config.max_position_embeddings,
            max_seq_positions=config.max_seq_position_embeddings,
            complement_map=config.strand_table,
        )
        self.layers = nn.ModuleList(
            ResidualBlock(_norm(config), build_mixer(config))
            for _ in range(config.num_hidden_layers)
        )
        self.norm = _norm(config)
        self.post_init()


class BioMambaForCausalLM(CausalHeadMixin, BioMambaPreTrainedModel, GenerationMixin):
    """Next-token model with `generate()`.

    Raises
    ------
    ModelError
        The configuration reads both ways or shares both strands.

    Examples
    --------
    >>> import torch
    >>> config = BioMambaConfig(vocab_size=7, hidden_size=16, num_hidden_layers=1)
    >>> model = BioMambaForCausalLM(config).eval()
    >>> prompt = torch.tensor([[1, 2], [3, 4]])
    >>> tuple(model.generate(prompt, max_new_tokens=3, do_sample=False).shape)
    (2, 5)
    """

    _tied_weights_keys: ClassVar[dict[str, str]] = {
        "lm_head.weight": "backbone.embed.tokens.weight"
    }

    def __init__(self, config: BioMambaConfig) -> None:
        check_causal(config, type(self).__name__)
        super().__init__(config)
        self._build(config, BioMambaModel(config))
        self.post_init()


class BioMambaForMaskedLM(MaskedHeadMixin, BioMambaPreTrainedModel):
    """Masked-token model; with ``rcps=True`` it is Caduceus-PS."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {
        "lm_head.weight": "backbone.embed.tokens.weight"
    }

    def __init__(self, config: BioMambaConfig) -> None:
        super().__init__(config)
        self._build(config, BioMambaModel(config))
        self.post_init()


class BioMambaForSequenceClassification(SequenceLabelMixin, BioMambaPreTrainedModel):
    """Classes or numbers for whole sequences (``config.num_labels``, ``config.problem_type``)."""

    def __init__(self, config: BioMambaConfig) -> None:
        super().__init__(config)
        self._build(config, BioMambaModel(config))
        self.post_init()


class BioMambaForTokenClassification(TokenLabelMixin, BioMambaPreTrainedModel):
    """Classes or numbers for each position."""

    def __init__(self, config: BioMambaConfig) -> None:
        super().__init__(config)
        self._build(config, BioMambaModel(config))
        self.post_init()
