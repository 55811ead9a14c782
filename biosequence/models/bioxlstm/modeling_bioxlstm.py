"""Bio-xLSTM models: one stack whose configuration says which dialect it speaks."""

# Shapes: B batch, T time, D width.

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers import initialization as init

from ...layers.block import ResidualBlock
from ...layers.convolution import CausalConv
from ...layers.feed_forward import GatedGELU, SwiGLU
from ...layers.headwise import HeadwiseLinear
from ...layers.mixers.mlstm import MLSTMMixer
from ...layers.mixers.mlstm_cell import MLSTMCell
from ...layers.mixers.mlstm_large import MLSTMLargeMixer
from ...layers.mixers.slstm import SLSTMMixer, forget_bias
from ...layers.norms import HeadNorm, LayerNorm, RMSNorm
from ...layers.reverse_complement import RCPSHead
from ...layers.rotary import ScaledSinusoid
from ..backbone import BackboneMixin
from ..embedding import TokenEmbedding
from ..heads import (
    CausalHeadMixin,
    MaskedHeadMixin,
    SequenceLabelMixin,
    TokenLabelMixin,
    check_causal,
)
from .configuration_bioxlstm import BioXLSTMConfig


def build_block(config: BioXLSTMConfig, index: int) -> ResidualBlock:
    """The block that a configuration has at `index`.

    Examples
    --------
    >>> config = BioXLSTMConfig(hidden_size=32, num_hidden_layers=2, slstm_at=[1])
    >>> [type(build_block(config, i).mixer).__name__ for i in range(2)]
    ['MLSTMMixer', 'SLSTMMixer']
    """
    if index in config.slstm_at:
        mixer = SLSTMMixer(
            config.hidden_size,
            config.slstm_num_heads,
            conv_kernel=config.conv_kernel,
            norm_eps=config.norm_eps,
            dropout=config.dropout,
            legacy_rc_head_flip=config.legacy_rc_head_flip,
            backend=config.kernel_backend,
        )
        ffn = GatedGELU(config.hidden_size, config.ffn_size)
        return ResidualBlock(_norm(config), mixer, _norm(config), ffn, ffn_dropout=config.dropout)
    cell = {
        "soft_cap": config.gate_soft_cap,
        "input_gate": config.igate,
        "normalize": config.igate_normalize,
        "eps": config.cell_eps,
        "norm_eps": config.norm_eps,
        "residual_weight": config.norm == "ln_residual_weight",
        "bidirectional": config.bidirectional == "native",
        "backend": config.kernel_backend,
    }
    if config.block == "post_up":
        mixer = MLSTMLargeMixer(
            config.hidden_size,
            config.num_heads,
            qk_width=config.qk_size,
            v_width=config.v_size,
            bias=config.use_bias,
            **cell,
        )
        ffn = SwiGLU(config.hidden_size, config.ffn_size, bias=config.use_bias)
        drops = {"dropout": config.dropout, "ffn_dropout": config.dropout}
        return ResidualBlock(_norm(config), mixer, _norm(config), ffn, **drops)
    mixer = MLSTMMixer(
        config.hidden_size,
        config.inner_size,
        config.num_heads,
        qkv_block=config.qkv_block,
        conv_kernel=config.conv_kernel,
        gate_input=config.gate_input,
        rope=config.rope,
        rope_theta=config.rope_theta,
        rope_parts=(config.max_position_embeddings, config.max_seq_position_embeddings),
        bias=config.use_bias,
        **cell,
    )
    return ResidualBlock(_norm(config), mixer, dropout=config.dropout)


def _norm(config: BioXLSTMConfig) -> nn.Module:
    if config.norm == "rms":
        return RMSNorm(config.hidden_size, eps=config.norm_eps)
    return LayerNorm(config.hidden_size, eps=config.norm_eps, residual_weight=True)


class BioXLSTMPreTrainedModel(PreTrainedModel):
    """Initialisation and the switches that transformers reads."""

    config: BioXLSTMConfig
    config_class = BioXLSTMConfig
    base_model_prefix = "backbone"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["ResidualBlock"]
    _is_stateful = True

    def _initialize_weights(self, module: nn.Module, *_: Any, **__: Any) -> None:
        """Initialise one module, also one without parameters of its own.

        From classes outside its package transformers takes those for loaded, but a cell starts
        the gates that it holds, a block its sLSTM, and a feed-forward layer its way down.
        """
        super()._initialize_weights(module)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw the weights of one module: small inwards, smaller with depth outwards."""
        config = self.config
        small = (2 / (5 * config.hidden_size)) ** 0.5
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=small)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding | RCPSHead | HeadwiseLinear):
            init.normal_(module.weight, std=small)
            if getattr(module, "bias", None) is not None:
                init.zeros_(module.bias)
        elif isinstance(module, LayerNorm | HeadNorm):
            (init.zeros_ if module.residual_weight else init.ones_)(module.weight)
        elif isinstance(module, RMSNorm):
            init.ones_(module.weight)
        elif isinstance(module, CausalConv):
            bound = module.kernel_size**-0.5
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, ScaledSinusoid):
            init.constant_(module.scale, module.width**-0.5)
        elif isinstance(module, MLSTMCell):
            self._init_gates(module)
        if isinstance(module, MLSTMMixer | MLSTMLargeMixer | GatedGELU | SwiGLU):
            wang = 2 / config.num_hidden_layers / config.hidden_size**0.5
            init.normal_(module.down.weight, std=wang)
        if isinstance(module, MLSTMMixer):
            init.ones_(module.skip)
        if isinstance(module, ResidualBlock) and isinstance(module.mixer, SLSTMMixer):
            self._init_slstm(module)

    def _init_gates(self, cell: MLSTMCell) -> None:
        init.zeros_(cell.igate.weight)
        init.zeros_(cell.fgate.weight)
        ends, device = self.config.forget_bias, cell.fgate.bias.device
        heads = torch.linspace(*ends, cell.num_heads, device=device)
        init.copy_(cell.fgate.bias, heads)
        if self.config.block == "post_up":
            init.constant_(cell.igate.bias, -10.0)
        else:
            init.normal_(cell.igate.bias, std=0.1)

    def _init_slstm(self, block: ResidualBlock) -> None:
        layers = list(self.modules_of_stack())
        depth = layers.index(block) / max(len(layers) - 1, 1) if block in layers else 0.0
        mixer = block.mixer
        init.zeros_(mixer.recurrent)
        bias = torch.zeros_like(mixer.bias)
        bias[1] = forget_bias(mixer.head_width, depth).to(bias.device)
        init.copy_(mixer.bias, bias)

    def modules_of_stack(self) -> nn.ModuleList:
        """The blocks, from whichever class holds them."""
        return getattr(self, "backbone", self).layers


class BioXLSTMModel(BackboneMixin, BioXLSTMPreTrainedModel):
    """The stack without a head: ids to hidden states.

    Examples
    --------
    >>> import torch
    >>> config = BioXLSTMConfig(hidden_size=32, num_hidden_layers=2, num_heads=2)
    >>> model = BioXLSTMModel(config).eval()
    >>> with torch.no_grad():
    ...     output = model(torch.tensor([[1, 2, 3]]))
    >>> tuple(output.last_hidden_state.shape), output.cache_params.position.tolist()
    ((1, 3, 32), [3])
    """

    def __init__(self, config: BioXLSTMConfig) -> None:
        super().__init__(config)
        self.embed = TokenEmbedding(
            config.vocab_size,
            config.hidden_size,
            positions=config.position_embeddings,
            max_positions=config.max_position_embeddings,
            max_seq_positions=config.max_seq_position_embeddings,
            complement_map=config.strand_table,
        )
        self.layers = nn.ModuleList(build_block(config, i) for i in range(config.num_hidden_layers))
        self.norm = _norm(config)
        self.post_init()


class BioXLSTMForCausalLM(CausalHeadMixin, BioXLSTMPreTrainedModel, GenerationMixin):
    """Next-token model with `generate()`.

    Raises
    ------
    ModelError
        The configuration reads both ways or shares both strands.

    Examples
    --------
    >>> import torch
    >>> config = BioXLSTMConfig(vocab_size=7, hidden_size=32, num_hidden_layers=1, num_heads=2)
    >>> model = BioXLSTMForCausalLM(config).eval()
    >>> prompt = torch.tensor([[1, 2], [3, 4]])
    >>> tuple(model.generate(prompt, max_new_tokens=3, do_sample=False).shape)
    (2, 5)
    """

    _tied_weights_keys: ClassVar[dict[str, str]] = {
        "lm_head.weight": "backbone.embed.tokens.weight"
    }

    def __init__(self, config: BioXLSTMConfig) -> None:
        check_causal(config, type(self).__name__)
        super().__init__(config)
        self._build(config, BioXLSTMModel(config))
        self.post_init()


class BioXLSTMForMaskedLM(MaskedHeadMixin, BioXLSTMPreTrainedModel):
    """Masked-token model; reads in whatever directions the configuration says.

    Examples
    --------
    >>> import torch
    >>> config = BioXLSTMConfig(dialect="dna", vocab_size=12, hidden_size=32,
    ...     num_hidden_layers=1, bidirectional="sum")
    >>> tuple(BioXLSTMForMaskedLM(config)(torch.tensor([[7, 8, 9]])).logits.shape)
    (1, 3, 12)
    """

    _tied_weights_keys: ClassVar[dict[str, str]] = {
        "lm_head.weight": "backbone.embed.tokens.weight"
    }

    def __init__(self, config: BioXLSTMConfig) -> None:
        super().__init__(config)
        self._build(config, BioXLSTMModel(config))
        self.post_init()


class BioXLSTMForSequenceClassification(SequenceLabelMixin, BioXLSTMPreTrainedModel):
    """Classes or numbers for whole sequences (``config.num_labels``, ``config.problem_type``)."""

    def __init__(self, config: BioXLSTMConfig) -> None:
        super().__init__(config)
        self._build(config, BioXLSTMModel(config))
        self.post_init()


class BioXLSTMForTokenClassification(TokenLabelMixin, BioXLSTMPreTrainedModel):
    """Classes or numbers for each position."""

    def __init__(self, config: BioXLSTMConfig) -> None:
        super().__init__(config)
        self._build(config, BioXLSTMModel(config))
        self.post_init()
