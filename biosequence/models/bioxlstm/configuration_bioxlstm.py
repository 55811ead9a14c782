"""The configuration that expresses every xLSTM dialect."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from ...layers.feed_forward import rounded_width
from ..config_checks import check_strands, refuse

_PRE_UP: dict[str, Any] = {
    "block": "pre_up",
    "qkv": "headwise4",
    "gate_input": "qkv_pre_rope",
    "gate_soft_cap": None,
    "logit_soft_cap": None,
    "out_gate": "silu_z",
    "norm": "ln_residual_weight",
    "norm_eps": 1e-5,
    "rope": "none",
    "inner_round_up": True,
    "num_heads": 4,
    "ffn_proj_factor": 1.3,
    "ffn_round_up": True,
    "ffn_multiple": 64,
}
DIALECTS: dict[str, dict[str, Any]] = {
    "v1": _PRE_UP,
    "dna": _PRE_UP
    | {
        "inner_round_up": False,
        "ffn_proj_factor": 1.1,
        "ffn_round_up": False,
        "ffn_multiple": 8,
    },
    "prot": _PRE_UP | {"gate_input": "qkv_post_rope", "rope": "inner"},
    "large": {
        "block": "post_up",
        "qkv": "dense",
        "gate_input": "x",
        "gate_soft_cap": 15.0,
        "logit_soft_cap": 30.0,
        "out_gate": "sigmoid",
        "norm": "rms",
        "norm_eps": 1e-6,
        "rope": "none",
        "inner_round_up": True,
        "num_heads": 8,
        "ffn_proj_factor": 2.667,
        "ffn_round_up": True,
        "ffn_multiple": 64,
    },
}
"""What a dialect's name fills in where a field is not given."""

CHOICES: dict[str, tuple[str, ...]] = {
    "dialect": tuple(DIALECTS),
    "block": ("pre_up", "post_up"),
    "gate_input": ("qkv_pre_rope", "qkv_post_rope", "x"),
    "out_gate": ("silu_z", "sigmoid"),
    "norm": ("ln_residual_weight", "rms"),
    "rope": ("none", "per_head", "inner", "inner_2d"),
    "igate": ("exp", "sigmoid"),
    "bidirectional": ("none", "sum", "sum_legacy", "alternating", "native"),
    "position_embeddings": ("none", "abs_1d", "abs_2d", "sinusoidal"),
    "pooling": ("mean", "last", "first"),
}
"""Fields with a fixed set of values."""


class BioXLSTMConfig(PreTrainedConfig):
    """Sizes and dialect of a Bio-xLSTM model.

    Four mLSTM dialects were published that cannot load each other's weights. Each is a set of
    flags here; `dialect` fills in those that are not given.

    Parameters
    ----------
    dialect
        ``"v1"`` (xLSTM of NeurIPS 2024, Chem-xLSTM), ``"dna"``, ``"prot"`` or ``"large"`` (7B).
    vocab_size, hidden_size, num_hidden_layers, num_heads
        Sizes; `num_heads` is the mLSTM's.
    slstm_at
        Blocks that are sLSTM; all others are mLSTM.
    slstm_num_heads
        Heads of the sLSTM blocks; default `num_heads`.
    block
        ``"pre_up"`` (widen, convolve, recur) or ``"post_up"`` (recur, then feed-forward).
    qkv
        ``"headwise4"`` (blocks of 4 channels) or ``"dense"``.
    gate_input
        What gates read: ``"qkv_pre_rope"``, ``"qkv_post_rope"`` or ``"x"``.
    gate_soft_cap, logit_soft_cap
        Caps ``c * tanh(x / c)``; None: no cap.
    out_gate
        ``"silu_z"`` or ``"sigmoid"``.
    norm, norm_eps
        ``"ln_residual_weight"`` (LayerNorm that stores gamma - 1) or ``"rms"``.
    rope, rope_theta
        ``"none"``, ``"per_head"`` (DNA), ``"inner"`` or ``"inner_2d"`` (Prot); any length.
    igate, igate_normalize
        ``"exp"`` or ``"sigmoid"``; the latter works without a normaliser too.
    forget_bias
        Forget biases of the first and last mLSTM head before training; heads between lie between.
        A head forgets ``sigmoid(-bias)`` of its memory per token: 3 keeps some 20 tokens, 6 some
        400, 10 some 20,000.
    cell_eps
        Added to the normaliser.
    bidirectional
        ``"none"``; ``"sum"``: both directions of each block, residual counted once;
        ``"sum_legacy"``: as published, the residual doubles in each block; ``"alternating"``: even
        blocks read backwards; ``"native"``: one normaliser over both directions.
    rcps, complement_map
        Share parameters between both strands; the complement's id for each id.
    legacy_rc_head_flip
        Reproduce the head flip of published sLSTM parameter-sharing models, which breaks
        equivariance with more than one head. For loading them only.
    conv_kernel
        Width of the causal convolution.
    proj_factor, inner_round_up
        Inner width ``proj_factor * hidden_size``, rounded up or down to a multiple of 64.
    qk_dim_factor, v_dim_factor
        Widths of queries and values in post-up blocks.
    ffn_proj_factor, ffn_round_up, ffn_multiple
        Width of feed-forward layers and its rounding.
    inner_size, ffn_size
        The two widths themselves; filled in from the factors when not given.
    use_bias
        Biases in projections.
    position_embeddings
        ``"none"``, ``"abs_1d"``, ``"abs_2d"`` (Prot) or ``"sinusoidal"`` (DNA).
    max_position_embeddings, max_seq_position_embeddings
        Table sizes of absolute positions and the ratio of ``"inner_2d"``.
    dropout, classifier_dropout, pooling
        Regularisation, and how a sequence is summed up for classification.
    prefill_chunk
        Without gradients, causal models read longer input in pieces of this length.
    kernel_backend
        Name of the kernels' back end; None picks the fastest.
    residual_in_fp32
        Keep the residual stream in fp32 under lower precision.

    Raises
    ------
    ModelError
        A value is unknown or two contradict each other.

    Examples
    --------
    >>> config = BioXLSTMConfig(dialect="prot", hidden_size=64, num_hidden_layers=2)
    >>> config.rope, config.inner_size
    ('inner', 128)
    """

    model_type = "bioxlstm"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["cache_params"]

    dialect: str = "v1"
    vocab_size: int = 38
    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_heads: int | None = None
    slstm_at: list[int] | None = None
    slstm_num_heads: int | None = None
    block: str | None = None
    qkv: str | None = None
    gate_input: str | None = None
    gate_soft_cap: float | int | str | None = "dialect"
    logit_soft_cap: float | int | str | None = "dialect"
    out_gate: str | None = None
    norm: str | None = None
    norm_eps: float | None = None
    rope: str | None = None
    rope_theta: float | int = 500_000.0
    igate: str = "exp"
    igate_normalize: bool = True
    forget_bias: list[float | int] | tuple[float | int, ...] = (3.0, 6.0)
    cell_eps: float = 1e-6
    bidirectional: str = "none"
    rcps: bool = False
    complement_map: list[int] | None = None
    legacy_rc_head_flip: bool = False
    conv_kernel: int = 4
    proj_factor: float | int = 2.0
    inner_round_up: bool | None = None
    qk_dim_factor: float | int = 0.5
    v_dim_factor: float | int = 1.0
    ffn_proj_factor: float | int | None = None
    ffn_round_up: bool | None = None
    ffn_multiple: int | None = None
    inner_size: int | None = None
    ffn_size: int | None = None
    use_bias: bool = False
    position_embeddings: str = "none"
    max_position_embeddings: int = 2048
    max_seq_position_embeddings: int = 512
    dropout: float | int = 0.0
    classifier_dropout: float | int = 0.0
    pooling: str = "mean"
    prefill_chunk: int | None = 16384
    kernel_backend: str | None = None
    residual_in_fp32: bool = False
    tie_word_embeddings: bool = False
    use_cache: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Fill in the dialect's values and check that all fit together."""
        _choice(self, "dialect")
        for name, value in DIALECTS[self.dialect].items():
            given = getattr(self, name)
            if given is None and not name.endswith("soft_cap") or given == "dialect":
                setattr(self, name, value)
        if self.slstm_num_heads is None:
            self.slstm_num_heads = self.num_heads
        self.slstm_at = sorted(self.slstm_at or [])
        self.forget_bias = list(self.forget_bias)
        width = self.hidden_size
        if self.inner_size is None:
            self.inner_size = rounded_width(self.proj_factor * width, 64, up=self.inner_round_up)
        if self.ffn_size is None:
            self.ffn_size = rounded_width(
                self.ffn_proj_factor * width, self.ffn_multiple, up=self.ffn_round_up
            )
        super().__post_init__(**kwargs)
        for name in CHOICES:
            _choice(self, name)
        _check_block(self)
        _check_widths(self)
        _check_directions(self)

    @property
    def is_causal(self) -> bool:
        """Whether each position sees the past of its own strand only."""
        return self.bidirectional == "none" and not self.rcps

    @property
    def strand_table(self) -> list[int] | None:
        """Complement of each row of the token table, None where strands are not shared."""
        if not self.rcps:
            return None
        return list(self.complement_map)[: self.vocab_size]

    @property
    def has_positions(self) -> bool:
        """Whether position ids change anything."""
        return self.rope != "none" or self.position_embeddings != "none"

    @property
    def has_seq_positions(self) -> bool:
        """Whether numbers of sequences change anything."""
        return self.rope == "inner_2d" or self.position_embeddings == "abs_2d"

    @property
    def head_reads_tokens(self) -> bool:
        """Whether the token head reads only the channels that the token embedding fills."""
        return self.tie_word_embeddings and self.position_embeddings in ("abs_1d", "abs_2d")

    @property
    def rcps_swap(self) -> bool:
        """Whether strands swap places in every block; no xLSTM was trained that way."""
        return False

    def reads_reversed(self, block: int) -> bool:
        """Whether a block reads from the last position to the first."""
        return self.bidirectional == "alternating" and block % 2 == 0

    @property
    def qkv_block(self) -> int:
        """Channels that one query, key or value block mixes."""
        return int(self.qkv.removeprefix("headwise"))

    @property
    def qk_size(self) -> int:
        """Total width of queries in post-up blocks."""
        return int(self.hidden_size * self.qk_dim_factor + 1e-6)

    @property
    def v_size(self) -> int:
        """Total width of values in post-up blocks."""
        return int(self.hidden_size * self.v_dim_factor + 1e-6)


def _choice(config: BioXLSTMConfig, name: str) -> None:
    value, known = getattr(config, name), CHOICES[name]
    if value not in known:
        refuse(f"{value!r} is not a value of {name}.", name, f"Choose one of: {', '.join(known)}.")


def _check_block(config: BioXLSTMConfig) -> None:
    if config.block == "pre_up":
        width = str(config.qkv).removeprefix("headwise")
        headwise = str(config.qkv).startswith("headwise") and width.isdigit()
        fits = headwise and config.out_gate == "silu_z" and config.gate_input != "x"
        wanted = "qkv='headwise4', out_gate='silu_z' and gate_input='qkv_...'"
    else:
        fits = (config.qkv, config.out_gate, config.gate_input) == ("dense", "sigmoid", "x")
        wanted = "qkv='dense', out_gate='sigmoid' and gate_input='x'"
        if config.rope != "none" or config.slstm_at:
            refuse(
                "Post-up blocks know no rotary positions and no sLSTM blocks beside them.",
                f"rope={config.rope!r}, slstm_at={config.slstm_at}",
                "Use rope='none' and slstm_at=[], or block='pre_up'.",
            )
    if not fits:
        refuse(
            f"A block of the kind {config.block!r} goes with {wanted}.",
            f"qkv={config.qkv!r}, out_gate={config.out_gate!r}, gate_input={config.gate_input!r}",
            "Name the dialect ('v1', 'dna', 'prot' or 'large') and leave these fields out.",
        )
    if len(config.forget_bias) != 2:
        refuse(
            f"Forget biases run from one number to another, and {config.forget_bias} are given.",
            "forget_bias",
            "Give two numbers, such as [3.0, 6.0].",
        )
    if config.igate == "exp" and not config.igate_normalize:
        refuse(
            "An exponential input gate needs the normaliser.",
            "igate_normalize=False",
            "Use igate='sigmoid' with it.",
        )


def _check_widths(config: BioXLSTMConfig) -> None:
    if config.block == "pre_up":
        widths = {"inner width": (config.inner_size, config.num_heads)}
        widths["q, k, v block"] = (config.inner_size, config.qkv_block)
    else:
        widths = {
            "query width": (config.qk_size, config.num_heads),
            "value width": (config.v_size, config.num_heads),
        }
    if config.slstm_at:
        widths["width"] = (config.hidden_size, config.slstm_num_heads)
    for name, (width, parts) in widths.items():
        if parts < 1 or width % parts or not width:
            refuse(
                f"The {name} {width} does not divide into {parts} equal parts.",
                f"hidden_size={config.hidden_size}, num_heads={config.num_heads}",
                "Choose a width that is a multiple of the number of heads (and of 64 if you can).",
            )
    if config.rope == "per_head" and (config.inner_size // config.num_heads) % 2:
        refuse("A rotated head needs an even width.", "num_heads", "Use fewer heads.")
    outside = [i for i in config.slstm_at if not 0 <= i < config.num_hidden_layers]
    if outside:
        refuse(
            f"There are no blocks {outside}: the model has {config.num_hidden_layers}.",
            "slstm_at",
            "Count blocks from 0.",
        )


def _check_directions(config: BioXLSTMConfig) -> None:
    if config.bidirectional == "native" and (config.slstm_at or config.igate != "exp"):
        refuse(
            "The native two-way mode exists for mLSTM blocks with an exponential gate only.",
            f"slstm_at={config.slstm_at}, igate={config.igate!r}",
            "Use bidirectional='sum'.",
        )
    check_strands(config)
    if config.legacy_rc_head_flip and not (config.rcps and config.slstm_at):
        refuse(
            "legacy_rc_head_flip reproduces published sLSTM parameter-sharing models only.",
            f"rcps={config.rcps}, slstm_at={config.slstm_at}",
            "Leave it False.",
        )
